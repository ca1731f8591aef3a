"""Webhooks posted to real web servers: what is signed is answered, the rest is 401."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest

from pamela import PamelaError, ToolRouter, ValidationError, create_tool_handler
from tests.client.web_apps import (
    SCHEMA,
    SECRET,
    fastapi_app,
    flask_app,
    router,
    served_by_uvicorn,
    served_by_werkzeug,
    starlette_app,
)

APPS = {
    "fastapi": (served_by_uvicorn, fastapi_app),
    "starlette": (served_by_uvicorn, starlette_app),
    "flask": (served_by_werkzeug, flask_app),
}
ASKED: dict[str, Any] = {
    "tool_name": "look_up",
    "arguments": {"order_id": "ñ-1"},
    "call_id": "call_1",
    "correlation_id": "corr_1",
}


class Site(NamedTuple):
    """A served app, and what reached its handlers."""

    url: str
    seen: list[str]

    def post(self, path: str, body: bytes, signature: str | bytes | None) -> Any:
        """Post bytes as they are; return the status and the decoded answer."""
        headers = {"Content-Type": "application/json"}
        sent_headers = httpx2.Headers(headers)
        if signature is not None:
            raw = signature.encode() if isinstance(signature, str) else signature
            sent_headers = httpx2.Headers(
                [*sent_headers.raw, (b"X-Pamela-Signature", raw)]
            )
        with httpx2.Client(trust_env=False, verify=False) as client:
            answer = client.post(self.url + path, content=body, headers=sent_headers)
        return answer.status_code, answer.json()

    def weigh(self, path: str, size: int, *, in_chunks: bool) -> int:
        """Post what is signed and has so many bytes; return the status."""
        body = json.dumps(ASKED).encode().ljust(size)
        headers = {"X-Pamela-Signature": signed(body)}
        with httpx2.Client(trust_env=False, verify=False, timeout=30) as client:
            content = iter([body]) if in_chunks else body
            answer = client.post(self.url + path, content=content, headers=headers)
        return answer.status_code

    def sign(self, path: str, body: bytes, secret: str = SECRET) -> Any:
        """Post what is signed, over its raw bytes."""
        return self.post(path, body, signed(body, secret))


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture(scope="module", params=APPS)
def served(request: pytest.FixtureRequest) -> Iterator[Site]:
    serve, make = APPS[request.param]
    seen: list[str] = []
    with serve(make(seen)) as url:
        yield Site(url, seen)


@pytest.fixture
def site(served: Site) -> Site:
    served.seen.clear()
    return served


HANDLERS = ["sync", "coroutine"]
MOST_BYTES = 10_000_000


@pytest.mark.parametrize("handler", HANDLERS)
def test_what_is_signed_reaches_the_handler_sync_or_async(
    site: Site, handler: str
) -> None:
    raw = json.dumps(ASKED, ensure_ascii=False, indent=2).encode()
    canonical = json.dumps(ASKED, sort_keys=True, separators=(",", ":")).encode()
    for body in (raw, canonical):
        assert site.sign(f"/{handler}", body) == (200, {"result": "look_up"})
    assert site.post(f"/{handler}", raw, signed(canonical))[0] == 200
    assert site.sign(f"/{handler}", raw, "whsec_next")[0] == 200
    assert site.seen == [handler] * 4


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 64,
        "sha256=" + signed(b"{}"),
        signed(b"{}"),
        b"\xff" * 64,
        "é" * 32,
        signed(json.dumps(ASKED).encode(), "whsec_other"),
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["/sync", "/coroutine", "/router"])
def test_what_is_forged_gets_401_and_reaches_nobody(
    site: Site, path: str, signature: Any
) -> None:
    answer = site.post(path, json.dumps(ASKED).encode(), signature)
    assert answer == (401, {"error": "Invalid signature"})
    assert site.seen == []


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_too_large_gets_413_and_reaches_nobody(
    site: Site, in_chunks: bool
) -> None:
    for handler in HANDLERS:
        path = f"/{handler}"
        assert site.weigh(path, MOST_BYTES + 1, in_chunks=in_chunks) == 413
        assert site.weigh(path, MOST_BYTES, in_chunks=in_chunks) == 200
    assert site.seen == HANDLERS


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b'{"a":1,"a":2}'])
def test_what_is_signed_but_no_object_gets_400(site: Site, body: bytes) -> None:
    for handler in HANDLERS:
        status, answer = site.sign(f"/{handler}", body)
        assert (status, list(answer)) == (400, ["error"])
    assert site.seen == []


@pytest.mark.parametrize(
    ("change", "status", "answer"),
    [
        ({}, 200, {"result": "ñ-1 is on its way", "correlation_id": "corr_1"}),
        (
            {"tool_name": "cancel"},
            200,
            {"result": {"cancelled": "ñ-1"}, "correlation_id": "corr_1"},
        ),
        (
            {"tool_name": "other"},
            400,
            {"error": "Unknown tool", "correlation_id": "corr_1"},
        ),
        (
            {"arguments": {"order_id": 7}},
            400,
            {
                "error": "$.order_id: 7 is not of type 'string'",
                "correlation_id": "corr_1",
            },
        ),
        (
            {"arguments": {}},
            400,
            {
                "error": "$: 'order_id' is a required property",
                "correlation_id": "corr_1",
            },
        ),
        ({"arguments": []}, 400, {"error": "arguments must be an object"}),
        (
            {"correlation_id": None},
            400,
            {"error": "correlation_id must be text that is not empty"},
        ),
    ],
)
def test_a_router_runs_the_tool_that_is_named_with_arguments_that_fit(
    site: Site, change: dict[str, Any], status: int, answer: dict[str, Any]
) -> None:
    body = json.dumps(ASKED | change).encode()
    assert site.sign("/router", body) == (status, answer)


def test_a_flask_request_can_still_be_handed_in_by_hand() -> None:
    with served_by_werkzeug(flask_app([])) as url:
        site = Site(url, [])
        body = json.dumps(ASKED).encode()
        assert site.sign("/by-hand", body) == (200, {"result": "look_up"})
        assert site.post("/by-hand", body, "0" * 64)[0] == 401


def test_a_router_s_definitions_are_what_calls_take() -> None:
    assert [tool["name"] for tool in router().definitions()] == ["look_up", "cancel"]
    assert router().definitions()[0] == {
        "name": "look_up",
        "description": "Looks an order up.",
        "input_schema": SCHEMA,
    }


def test_a_tool_is_registered_once_and_with_a_schema_that_is_one() -> None:
    tools = router()
    with pytest.raises(ValidationError, match="already"):
        tools.tool("cancel", input_schema=SCHEMA)
    with pytest.raises(ValidationError, match="no JSON Schema"):
        ToolRouter().tool("x", input_schema={"type": "nonsense"})


@pytest.mark.parametrize("secret", ["", [], [""], None])
def test_a_handler_needs_a_secret(secret: Any) -> None:
    with pytest.raises(ValueError, match="secret cannot be empty"):
        create_tool_handler(secret)


def test_a_handler_keeps_its_name_and_its_words() -> None:
    @create_tool_handler(SECRET)
    def take(payload: dict[str, Any]) -> None:
        """Take it."""

    assert (take.__name__, take.__doc__) == ("take", "Take it.")


def test_a_handler_that_no_framework_calls_says_what_it_needs() -> None:
    take = create_tool_handler(SECRET)(lambda payload: payload)
    with pytest.raises((PamelaError, RuntimeError)):
        take()
