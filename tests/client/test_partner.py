"""The partner API: a user's token, keys that are shown once, and access."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from pamela import (
    Access,
    AccessState,
    InvalidResponse,
    PamelaClient,
    SubscriptionError,
    SubscriptionResponse,
    ValidationError,
    read_access,
    refused_access,
)

KEY = "pk_live_shown_once"
NOW = datetime(2026, 3, 8, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


class Server:
    """Keeps what it is sent, and answers what it is told to."""

    def __init__(self) -> None:
        self.sent: list[httpx2.Request] = []
        self.answer: Any = {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        return httpx2.Response(200, json=self.answer)

    @property
    def line(self) -> str:
        request = self.sent[-1]
        path = request.url.raw_path.decode().removeprefix("/api/b2b/v1/partner")
        return f"{request.method} {path} {request.content.decode()}".strip()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[PamelaClient]:
    transport = httpx2.MockTransport(server)
    with PamelaClient("pk_live_1", user_token="user_1", transport=transport) as made:
        yield made


def test_each_partner_endpoint_is_asked_as_documented(
    client: PamelaClient, server: Server
) -> None:
    keys, subscription = client.partner.api_keys, client.partner.subscription
    server.answer = {"key": KEY, "id": "key_1"}
    keys.create("project_1", key_prefix="pk_live_")
    body_sent = json.loads(server.sent[-1].content)
    assert body_sent == {"project_id": "project_1", "key_prefix": "pk_live_"}
    keys.create()
    assert server.line == "POST /api-keys {}"
    keys.revoke("a/b")
    assert server.line == "POST /api-keys/a%2Fb/revoke"
    subscription.get()
    assert server.line == "GET /subscription"
    subscription.checkout({"success_url": None})
    assert server.line == 'POST /subscription/checkout {"success_url": null}'
    subscription.portal()
    assert server.line == "POST /subscription/portal"
    server.answer = []
    keys.list()
    assert server.line == "GET /api-keys"
    tokens = {request.headers["authorization"] for request in server.sent}
    assert tokens == {"Bearer user_1"}


def test_the_token_of_a_call_goes_before_the_client_s_and_never_stays(
    client: PamelaClient, server: Server
) -> None:
    client.partner.subscription.get(user_token="user_2")
    client.partner.subscription.get()
    client.get_call("call_1")
    tokens = [request.headers["authorization"] for request in server.sent]
    assert tokens == ["Bearer user_2", "Bearer user_1", "Bearer pk_live_1"]


def test_without_a_user_s_token_nothing_is_asked(server: Server) -> None:
    transport = httpx2.MockTransport(server)
    with PamelaClient("pk_live_1", transport=transport) as client:
        with pytest.raises(ValidationError, match="user_token"):
            client.partner.subscription.get()
        with pytest.raises(ValidationError, match="user_token"):
            client.partner.subscription.get(user_token="a\r\nb")
    assert server.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        {"key": KEY, "id": "key_1"},
        {"api_key": KEY, "id": "key_1"},
        {"full_key": KEY, "id": "key_1"},
        {"api_key": {"id": "key_1", "key": KEY}},
    ],
)
def test_a_new_key_is_shown_once_and_by_name_only(
    client: PamelaClient, server: Server, answer: Any
) -> None:
    server.answer = answer
    made = client.partner.api_keys.create()
    assert made.key == KEY
    assert made.facts["id"] == "key_1"
    shown = f"{made} {made!r} {made.facts} {client!r} {client.partner.api_keys!r}"
    assert KEY not in shown
    assert "user_1" not in shown


@pytest.mark.parametrize("answer", [{}, {"key": None}, {"key": ""}, [], {"key": [KEY]}])
def test_an_answer_that_shows_no_key_is_refused_without_showing_more(
    client: PamelaClient, server: Server, answer: Any
) -> None:
    server.answer = answer
    with pytest.raises(InvalidResponse) as caught:
        client.partner.api_keys.create()
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize("name", ["items", "keys", "api_keys", None])
def test_keys_are_listed_in_any_likely_shape(
    client: PamelaClient, server: Server, name: str | None
) -> None:
    listed = [{"id": "key_1", "key_prefix": "pk_live_"}]
    server.answer = listed if name is None else {name: listed}
    assert client.partner.api_keys.list() == listed


@pytest.mark.parametrize(
    ("status", "grace", "failed_at", "access"),
    [
        ("active", None, None, Access(AccessState.ACTIVE)),
        ("trialing", None, None, Access(AccessState.ACTIVE)),
        (
            "past_due",
            LATER.isoformat(),
            None,
            Access(AccessState.PAST_DUE, None, LATER),
        ),
        (
            "past_due",
            "2026-03-08T00:00:00Z",
            None,
            Access(AccessState.BLOCKED, 7008, NOW),
        ),
        (
            "past_due",
            "2026-03-09",
            None,
            Access(AccessState.PAST_DUE, None, NOW + timedelta(days=1)),
        ),
        (
            "past_due",
            None,
            LATER - timedelta(days=7),
            Access(AccessState.PAST_DUE, None, LATER),
        ),
        (
            "past_due",
            None,
            NOW - timedelta(days=7),
            Access(AccessState.BLOCKED, 7008, NOW),
        ),
        ("past_due", None, None, Access(AccessState.BLOCKED, 7008)),
        ("canceled", LATER.isoformat(), None, Access(AccessState.BLOCKED, 1005)),
        ("unpaid", None, None, Access(AccessState.BLOCKED, 1005)),
        ("incomplete", None, None, Access(AccessState.BLOCKED, 1005)),
        (None, None, None, Access(AccessState.BLOCKED, 1005)),
    ],
)
def test_access_ends_with_the_week_of_grace(
    status: str | None, grace: str | None, failed_at: datetime | None, access: Access
) -> None:
    subscription: SubscriptionResponse = {
        "subscription_status": status,
        "grace_period_ends_at": grace,
    }
    access_read = read_access(subscription, NOW, payment_failed_at=failed_at)
    assert access_read == access
    assert access_read.allowed == (access_read.code is None)


def test_access_is_read_with_the_subscription(
    client: PamelaClient, server: Server
) -> None:
    server.answer = {"subscription_status": "past_due"} | {
        "grace_period_ends_at": LATER.isoformat()
    }
    access = client.partner.subscription.access
    assert access(NOW).state is AccessState.PAST_DUE
    assert access(LATER) == Access(AccessState.BLOCKED, 7008, LATER)
    server.answer = {"subscription_status": "active"}
    assert access().allowed
    server.answer = {}
    assert access().code == 1005


def test_a_grace_that_is_no_time_is_refused() -> None:
    with pytest.raises(InvalidResponse):
        read_access(
            {"subscription_status": "past_due", "grace_period_ends_at": "soon"}, NOW
        )


@pytest.mark.parametrize(
    ("code", "reason"), [(1005, 1005), (7008, 7008), (7001, None), (None, None)]
)
def test_a_refusal_says_how_the_subscription_stands(
    code: int | None, reason: int | None
) -> None:
    error = SubscriptionError("no", code, status_code=403)
    assert refused_access(error) == Access(AccessState.BLOCKED, reason)
