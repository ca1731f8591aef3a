"""Webhook deliveries: a call reports its life, signed, until it is heard."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from billing.sandbox.clock import SandboxClock
from billing.sandbox.signed_delivery import (
    BACKOFF_SECONDS,
    SECOND,
    Delivery,
    Reply,
    is_loopback,
)
from billing.sandbox.world import Sandbox
from pamela.types import WebhookDelivery
from tests.sandbox.pamela.pamela_world import NOW, World, empty_world
from tests.sandbox.pamela.webhooks.webhook_world import (
    Hook,
    deliveries,
    dial,
    hook,
    statuses,
)
from tests.waiting import wait_until

LIFE = ["call.queued", "call.started", "call.transcript_update", "call.completed"]


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


@pytest.fixture
def user() -> Iterator[Hook]:
    with hook() as user:
        yield user


def attempts(world: World) -> list[int]:
    return [delivery["attempts"] for delivery in deliveries(world)]


def events_seen(user: Hook) -> list[str]:
    return [event["event"] for event in user.events()]


def test_a_call_reports_as_its_life_goes_by(world: World, user: Hook) -> None:
    call_id = dial(world, webhooks={"webhook_url": user.url})
    for count, seconds in enumerate([0, 6, 1, 3600]):
        world.advance(seconds=seconds)
        wait_until(lambda: events_seen(user), LIFE[: count + 1])
    call = world.get(f"/calls/{call_id}")
    events = user.events()
    assert {event["call_id"] for event in events} == {call_id}
    assert [event["status"] for event in events] == [
        "queued",
        "in_progress",
        "in_progress",
        "completed",
    ]
    assert events[0]["timestamp"] == call["created_at"]
    assert events[1]["timestamp"] == call["started_at"]
    assert events[3]["timestamp"] == call["ended_at"]
    transcript = [{"speaker": "Agent", "text": "Hello, this is Pamela."}]
    assert events[2]["transcript"] == events[3]["transcript"] == transcript


def test_a_leap_of_the_clock_loses_no_event(world: World, user: Hook) -> None:
    dial(world, webhooks={"webhook_url": user.url})
    world.advance(hours=2)
    wait_until(lambda: statuses(world), [(event, "delivered") for event in LIFE])
    assert events_seen(user) == LIFE


def test_an_event_is_sent_once_when_time_goes_back(world: World, user: Hook) -> None:
    dial(world, webhooks={"webhook_url": user.url})
    world.advance(seconds=6)
    wait_until(lambda: len(user.seen), 2)
    world.sandbox.clock.set(NOW - timedelta(hours=1))
    world.sandbox.clock.set(NOW + timedelta(hours=1))
    wait_until(lambda: statuses(world), [(event, "delivered") for event in LIFE])
    assert events_seen(user) == LIFE


@pytest.mark.parametrize(
    ("action", "seconds", "events"),
    [
        ("cancel", 3, LIFE[:1]),
        ("cancel", 7, LIFE[:3]),
        ("hangup", 6, [*LIFE[:2], LIFE[3]]),
        ("hangup", 7, LIFE),
    ],
)
def test_a_call_that_is_ended_early_says_no_more(
    world: World, user: Hook, action: str, seconds: int, events: list[str]
) -> None:
    call_id = dial(world, webhooks={"webhook_url": user.url})
    world.advance(seconds=seconds)
    assert world.api("POST", f"/calls/{call_id}/{action}").status_code == 200
    world.advance(hours=1)
    wait_until(lambda: events_seen(user), events)
    # Another call's event shows that the sandbox has looked again.
    dial(world, webhooks={"webhook_url": user.url})
    wait_until(lambda: events_seen(user), [*events, "call.queued"])


def test_a_call_that_fails_says_so(world: World, user: Hook) -> None:
    call_id = dial(world, webhooks={"webhook_url": user.url})
    failed = {"id": call_id, "status": "failed", "started_at": None, "ended_at": None}
    world.add(failed)
    wait_until(lambda: events_seen(user), ["call.queued", "call.failed"])
    assert user.events()[1]["status"] == "failed"


def test_the_bytes_on_the_wire_are_the_signed_canonical_json(
    world: World, user: Hook
) -> None:
    dial(world, webhooks={"webhook_url": user.url})
    wait_until(lambda: len(user.seen), 1)
    body, signature = user.seen[0]
    secret = world.account.webhook_secret.encode()
    assert signature == hmac.new(secret, body, hashlib.sha256).hexdigest()
    again = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    assert body == again.encode("ascii")


def test_a_refused_event_is_repeated_by_the_sandbox_clock(
    world: World, user: Hook
) -> None:
    user.answers = [(500, b"no"), (503, b"no")]
    dial(world, webhooks={"webhook_url": user.url})
    for count, wait in enumerate([0, 1, 2], start=1):
        world.advance(seconds=wait)
        wait_until(lambda: attempts(world), [count])
    first = deliveries(world)[0]
    assert set(first) == set(WebhookDelivery.__annotations__)
    assert first == {
        "id": first["id"],
        "event": "call.queued",
        "target_url": user.url,
        "status": "delivered",
        "attempts": 3,
        "response_status": 200,
        "delivered_at": "2026-03-10T12:00:03Z",
        "created_at": "2026-03-10T12:00:00Z",
        "error": None,
    }
    assert len(set(user.seen[:3])) == 1, "each attempt sends the same bytes"


def test_it_is_given_up_after_five_repetitions() -> None:
    delivery = Delivery(
        id="d",
        call_id="c",
        event="call.queued",
        target_url="http://[::1]/",
        body="{}",
        signature="s",
        created_at="t",
        due=0,
    )
    now, waits = 0, []
    while delivery.status == "pending":
        delivery.settle(Reply(500, "", "HTTP 500"), now)
        waits.append(((delivery.due or 0) - now) // SECOND)
        now = delivery.due or 0
    assert waits[:-1] == list(BACKOFF_SECONDS) == [1, 2, 4, 8, 16]
    assert (delivery.status, delivery.attempts, delivery.error) == (
        "failed",
        6,
        "HTTP 500",
    )


def test_a_server_that_is_not_there_is_tried_again(world: World) -> None:
    with hook() as user:
        url = user.url
    dial(world, webhooks={"webhook_url": url})
    wait_until(lambda: attempts(world), [1])
    (first,) = deliveries(world)
    assert (first["status"], first["response_status"]) == ("pending", None)
    assert "ConnectError" in first["error"]


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:8000/hook", True),
        ("http://localhost/hook", True),
        ("https://[::1]:8443/", True),
        ("http://127.9.9.9/", True),
        ("http://192.0.2.1/", False),
        ("https://example.com/hook", False),
        ("http://localhost.example.com/", False),
        ("http://127.0.0.1@example.com/", False),
        ("http://127.0.0.1:99999/", False),
        ("ftp://127.0.0.1/", False),
        ("http://[/", False),
        ("", False),
    ],
)
def test_only_this_machine_is_called(url: str, near: bool) -> None:
    assert is_loopback(url) == near


def test_a_delivery_beyond_this_machine_fails_and_says_why(world: World) -> None:
    dial(world, webhooks={"webhook_url": "https://example.com/hook"})
    wait_until(lambda: statuses(world), [("call.queued", "failed")])
    (first,) = deliveries(world)
    assert first["attempts"] == 0
    assert "loopback" in first["error"]


def test_a_slow_server_holds_nobody_else_up(world: World, user: Hook) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as no_progress:
        url = f"http://127.0.0.1:{no_progress.getsockname()[1]}/"
        dial(world, webhooks={"webhook_url": url})
        dial(world, webhooks={"webhook_url": user.url})
        wait_until(lambda: events_seen(user), ["call.queued"])


def test_no_thread_is_left_when_the_server_has_stopped() -> None:
    before = set(threading.enumerate())
    with hook() as user, empty_world() as world:
        url = user.url.replace("127.0.0.1", "localhost")
        dial(world, webhooks={"webhook_url": url})
        wait_until(lambda: len(user.seen), 1)
    assert set(threading.enumerate()) <= before


def test_deliveries_outlive_the_process(world: World, user: Hook) -> None:
    user.answers = [(500, b"")]
    call_id = dial(world, webhooks={"webhook_url": user.url})
    wait_until(lambda: attempts(world), [1])
    saved = json.loads(json.dumps(world.sandbox.to_state()))
    loaded = Sandbox.from_state(saved)
    loaded.clock = SandboxClock(NOW)
    webhooks = loaded.pamela.webhooks
    assert [delivery.to_json() for delivery in webhooks.deliveries()] == deliveries(
        world
    )
    later = loaded.clock.now() + timedelta(hours=1)
    due = webhooks.due(int(later.timestamp()) * SECOND)
    assert [delivery.event for delivery in due[call_id]] == LIFE


@pytest.mark.parametrize("webhooks", [{"webhook_url": 5}, ["url"], "url"])
def test_webhooks_are_urls_by_name(world: World, webhooks: object) -> None:
    body = {"to": "+15550101", "task": "t", "webhooks": webhooks}
    assert world.api("POST", "/calls", json=body).status_code == 400
