"""What Pamela refuses: status, code and shape of each, and faults on request."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx2
import pytest

from billing.sandbox.faults import Fault, FaultKind
from billing.sandbox.pamela.accounts import AccountSubscription
from billing.sandbox.pamela.routes import TABLE
from tests.sandbox.pamela.pamela_world import NOW, World, empty_world

DAY = timedelta(days=1)


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


class Refused(NamedTuple):
    """What a refusal says: its HTTP status, and its code if it has one."""

    status: int
    code: int | None


def refused(response: httpx2.Response) -> Refused:
    """Return status and code of an error in the canonical shape."""
    body = response.json()
    assert list(body) == ["detail"], body
    detail = body["detail"]
    assert sorted(detail) == ["details", "error_code", "message"]
    assert isinstance(detail["message"], str)
    assert detail["message"]
    assert isinstance(detail["details"], dict)
    return Refused(response.status_code, detail["error_code"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 1001),
        ({"Authorization": "Bearer"}, 1001),
        ({"Authorization": "Basic cGs6"}, 1001),
        ({"Authorization": "Bearer pk_live_wrong"}, 1002),
        ({"Authorization": "Bearer pk_test_sandbox"}, 1002),
    ],
)
def test_nobody_enters_without_a_key(
    world: World, headers: dict[str, str], code: int
) -> None:
    for endpoint in TABLE:
        path = endpoint.path.replace("{name}", "any")
        response = world.api(endpoint.method, path, headers=headers)
        assert refused(response) == (401, code), endpoint.name


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        (AccountSubscription("active"), None),
        (AccountSubscription("trialing"), None),
        (AccountSubscription("past_due", NOW + DAY), None),
        (AccountSubscription("past_due", NOW), 7008),
        (AccountSubscription("past_due"), 7008),
        (AccountSubscription("canceled"), 1005),
        (AccountSubscription("unpaid"), 1005),
        (AccountSubscription("paused"), 1005),
        (AccountSubscription(None), 1005),
    ],
)
def test_access_follows_the_subscription(
    world: World, subscription: AccountSubscription, expected: int | None
) -> None:
    world.account.subscription = subscription
    response = world.api("GET", "/calls")
    if expected is None:
        assert response.status_code == 200
    else:
        assert refused(response) == (403, expected)
    partner = world.api("GET", "/partner/subscription", headers=world.user).json()
    assert partner["subscription_status"] == subscription.status


@pytest.mark.parametrize(
    ("method", "path", "options", "expected"),
    [
        ("GET", "/calls/none", {}, Refused(404, 7003)),
        ("POST", "/calls/none/cancel", {}, Refused(404, 7003)),
        ("POST", "/calls/none/hangup", {}, Refused(404, 7003)),
        ("DELETE", "/tools/none", {}, Refused(404, None)),
        ("GET", "/calls", {"params": {"limit": "0"}}, Refused(422, 2001)),
        ("GET", "/calls", {"params": {"limit": "101"}}, Refused(422, 2001)),
        ("GET", "/calls", {"params": {"limit": "ten"}}, Refused(422, 2001)),
        ("GET", "/calls", {"params": {"offset": "-1"}}, Refused(422, 2001)),
        ("GET", "/calls", {"params": {"start_date": "soon"}}, Refused(422, 2001)),
        ("GET", "/calls", {"params": {"end_date": "2026-13-01"}}, Refused(422, 2001)),
        ("GET", "/calls", {"params": {"status_filter": "busy"}}, Refused(422, 2001)),
        ("GET", "/usage", {"params": {"period": "2026-13"}}, Refused(400, 2001)),
        ("GET", "/usage", {"params": {"period": "2026-3"}}, Refused(400, 2001)),
        ("GET", "/usage", {"params": {"period": ""}}, Refused(400, 2001)),
        ("POST", "/calls", {"content": b"{"}, Refused(400, 2001)),
        ("POST", "/calls", {"json": []}, Refused(400, 2001)),
        ("POST", "/calls", {"json": {"task": "x"}}, Refused(400, 2001)),
        (
            "POST",
            "/calls",
            {"json": {"to": "5550100", "task": "x"}},
            Refused(400, 2002),
        ),
        ("POST", "/calls", {"json": {"to": "+15550100"}}, Refused(400, 2001)),
        ("POST", "/tools", {"json": {}}, Refused(400, 2001)),
        ("POST", "/tools", {"json": {"tool": {"name": "x"}}}, Refused(400, 2001)),
    ],
)
def test_what_makes_no_sense_is_refused(
    world: World,
    method: str,
    path: str,
    options: dict[str, Any],
    expected: Refused,
) -> None:
    assert refused(world.api(method, path, **options)) == expected


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("max_duration_seconds", 0, 2001),
        ("max_duration_seconds", 3601, 2001),
        ("max_duration_seconds", True, 2001),
        ("voice", "robot", 2001),
        ("metadata", "text", 2001),
        ("tools", {}, 2001),
        ("locale", 5, 2001),
        ("country", "FR", 7005),
    ],
)
def test_a_call_is_made_of_what_is_documented(
    world: World, field: str, value: object, code: int
) -> None:
    body = {"to": "+15550100", "task": "x", field: value}
    assert refused(world.api("POST", "/calls", json=body)) == (400, code)
    assert world.get("/calls")["total"] == 0


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        (FaultKind.ERROR_500, "", Refused(500, None)),
        (FaultKind.ERROR_500_AFTER, "", Refused(500, None)),
        (FaultKind.ERROR_503, "", Refused(503, None)),
        (FaultKind.RATE_LIMIT, "7", Refused(429, 6001)),
        (FaultKind.RATE_LIMIT, "global-rate", Refused(429, 6001)),
        (FaultKind.UNAUTHORIZED, "", Refused(401, 1002)),
        (FaultKind.FORBIDDEN, "", Refused(403, 1005)),
        (FaultKind.FORBIDDEN, "7008", Refused(403, 7008)),
    ],
)
def test_a_fault_strikes_the_endpoint_it_names(
    world: World, kind: FaultKind, detail: str, expected: Refused
) -> None:
    fault = Fault(kind=kind, endpoint="pamela.calls.list", count=1, detail=detail)
    world.sandbox.faults.replace_all([fault])
    world.get("/usage")
    response = world.api("GET", "/calls")
    assert refused(response) == expected
    if expected.status == 429:
        seconds = int(response.headers["Retry-After"])
        assert seconds == (7 if detail == "7" else 1)
        assert response.json()["detail"]["details"] == {"retry_after": seconds}
    world.get("/calls")


def test_a_connection_can_be_cut_after_the_call_was_made(world: World) -> None:
    fault = Fault(kind=FaultKind.DROP_AFTER, endpoint="pamela.calls.create", count=1)
    world.sandbox.faults.replace_all([fault])
    with pytest.raises(httpx2.TransportError):
        world.api("POST", "/calls", json={"to": "+15550100", "task": "x"})
    assert world.get("/calls")["total"] == 1


def test_an_account_can_be_given_a_rate_limit(world: World) -> None:
    world.sandbox.pamela.requests_per_second = 2
    statuses = [world.api("GET", "/calls").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    world.advance(seconds=1)
    world.get("/calls")


def test_every_answer_carries_the_date_of_the_sandbox(world: World) -> None:
    world.advance(days=400)
    for headers in (world.key, {}):
        response = world.api("GET", "/calls", headers=headers)
        date = parsedate_to_datetime(response.headers["Date"])
        assert date == NOW + 400 * DAY


def test_every_request_is_noted(world: World) -> None:
    world.get("/calls", limit=3)
    world.api("GET", "/usage", headers={})
    notes = [
        (note.endpoint, note.path, note.query, note.status)
        for note in world.sandbox.pamela_log.records()
    ]
    assert notes == [
        ("pamela.calls.list", "/api/b2b/v1/calls", "limit=3", 200),
        ("pamela.usage.get", "/api/b2b/v1/usage", "", 401),
    ]
