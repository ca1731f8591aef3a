"""Event destinations: thin notifications, signed, and lost, repeated or late."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.metering.error_reports import NO_METER, REPORT
from billing.sandbox.world import METER, STRIPE_KEY
from tests.sandbox.pamela.pamela_world import Json, World, empty_world
from tests.sandbox.pamela.webhooks.webhook_world import Hook, hook, until
from tests.sandbox.stripe.stripe_world import create_meter_event

NOBODY = {"stripe_customer_id": "cus_nobody", "value": "5"}
PATH = "/stripe/destinations"
SIGNATURE = "Stripe-Signature"


@contextmanager
def notified(now: datetime | None = None) -> Iterator[tuple[World, Hook]]:
    """Run a sandbox beside a server that takes Stripe's notifications."""
    with hook(SIGNATURE) as server, empty_world() as world:
        if now is not None:
            world.sandbox.clock.set(now)
        yield world, server


def destination(world: World, server: Hook, **options: object) -> Json:
    """Make a destination."""
    order = {"url": server.url, **options}
    answer = world.control("POST", PATH, json=order)
    assert answer.status_code == 200, answer.text
    made: Json = answer.json()
    return made


def reject(world: World, *, windows: int = 1, errors: int = 1) -> None:
    """Let events of so many validation windows be rejected, until all is reported."""
    for window in range(windows):
        now = world.sandbox.clock.now()
        for number in range(errors):
            event = {"event_name": METER, "payload": NOBODY}
            event["identifier"] = f"{now.timestamp()}:{window}:{number}"
            create_meter_event(world.sandbox.stripe.test, event, now)
        world.advance(seconds=10)


def deliveries(world: World) -> list[Json]:
    """Return the notifications, oldest event first."""
    items: list[Json] = world.control("GET", "/stripe/deliveries").json()["items"]
    return items


def statuses(world: World) -> list[str]:
    """Return what became of the notifications."""
    return sorted(one["status"] for one in deliveries(world))


def test_stripes_client_takes_a_notification_and_fetches_its_event() -> None:
    with notified(datetime.now(UTC)) as (world, server):
        secret = destination(world, server)["secret"]
        reject(world, errors=2)
        until(lambda: statuses(world), ["delivered"])
        ((body, signed),) = server.seen
        assert b'"data"' not in body
        client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": world.url})
        notice: Any = client.parse_event_notification(body, signed, secret)
        assert (notice.type, notice.related_object.type) == (REPORT, "billing.meter")
        assert notice.fetch_event().data.reason.error_count == 2
        with pytest.raises(stripe.SignatureVerificationError):
            client.parse_event_notification(body, signed, "whsec_other")


def test_old_and_new_secrets_sign_for_a_day_after_a_rotation() -> None:
    with notified() as (world, server):
        made = destination(world, server)
        path = f"{PATH}/{made['id']}"
        rotated = world.control("PUT", path, json={"rotate": True}).json()
        reject(world)
        until(lambda: statuses(world), ["delivered"])
        world.advance(hours=24)
        reject(world)
        until(lambda: statuses(world), ["delivered"] * 2)
        checked = []
        for body, signed in server.seen:
            for secret in (made["secret"], rotated["secret"]):
                try:
                    stripe.WebhookSignature.verify_header(body, signed, secret)
                    checked.append(True)
                except stripe.SignatureVerificationError:
                    checked.append(False)
        assert checked == [True, True, False, True]
        assert "secret" not in world.control("GET", PATH).json()["destinations"][0]


@pytest.mark.parametrize(
    ("events", "wanted"), [(["*"], 1), ([REPORT], 1), ([NO_METER], 0)]
)
def test_a_destination_is_told_what_it_asked_for(
    events: list[str], wanted: int
) -> None:
    with notified() as (world, server):
        reject(world)
        world.advance(seconds=1)
        destination(world, server)
        destination(world, server, events=events)
        reject(world)
        until(lambda: len(server.seen), 1 + wanted)


def test_notifications_are_repeated_lost_and_out_of_order() -> None:
    with notified() as (world, server):
        made = destination(world, server, copies=3)
        reject(world)
        until(lambda: len(server.seen), 3)
        assert len({body for body, _ in server.seen}) == 1
        spoiled = {"copies": 1, "lost_per_thousand": 1_000}
        world.control("PUT", f"{PATH}/{made['id']}", json=spoiled)
        reject(world)
        until(lambda: statuses(world), ["delivered"] * 3 + ["lost"])
        spoiled = {"lost_per_thousand": 0, "spread_seconds": 600}
        world.control("PUT", f"{PATH}/{made['id']}", json=spoiled)
        server.seen.clear()
        reject(world, windows=6)
        world.advance(minutes=20)
        until(lambda: len(server.seen), 6)
        late = [one["due"] for one in deliveries(world)[-6:]]
        assert late != sorted(late)


def test_a_notification_is_tried_three_times() -> None:
    with notified() as (world, server):
        destination(world, server)
        server.answers = [(500, b""), (503, b""), (400, b"")]
        reject(world)
        for attempts, wait in enumerate((60, 3_600, 86_400), start=1):
            until(lambda: [one["attempts"] for one in deliveries(world)], [attempts])
            world.advance(seconds=wait)
        assert statuses(world) == ["failed"]
        assert len(server.seen) == 3


def test_a_signature_may_carry_the_real_time() -> None:
    with notified() as (world, server):
        secret = destination(world, server, real_time=True)["secret"]
        reject(world)
        until(lambda: statuses(world), ["delivered"])
        ((body, signed),) = server.seen
        assert stripe.WebhookSignature.verify_header(body, signed, secret, 300)


def test_a_destination_can_be_taken_away() -> None:
    with notified() as (world, server):
        path = f"{PATH}/{destination(world, server)['id']}"
        assert world.control("DELETE", path).json()["deleted"]
        assert world.control("DELETE", path).status_code == 404
        assert world.control("PUT", path, json={}).status_code == 404
        reject(world)
        assert world.control("GET", PATH).json() == {"destinations": []}
        assert statuses(world) == []


def test_notices_outlive_the_process() -> None:
    with notified() as (world, server):
        destination(world, server, spread_seconds=10**8)
        reject(world, windows=2)
        until(lambda: statuses(world), ["pending"] * 2)
        account = world.sandbox.stripe
        later = world.sandbox.clock.now() + timedelta(days=2_000)
        again = StripeAccount.from_state(account.to_state(), account.rules)
        assert len(again.test.due_notices(later)) == 2


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"url": "https://example.com/hook"},
        {"url": "http://127.0.0.1:1/", "events": []},
        {"url": "http://127.0.0.1:1/", "events": ["invoice.created"]},
        {"url": "http://127.0.0.1:1/", "copies": 0},
        {"url": "http://127.0.0.1:1/", "lost_per_thousand": 1_001},
        {"url": "http://127.0.0.1:1/", "spread_seconds": True},
        {"url": "http://127.0.0.1:1/", "real_time": 1},
        {"url": "http://127.0.0.1:1/", "secret": "whsec_mine"},
    ],
)
def test_a_destination_that_makes_no_sense_is_refused(order: Json) -> None:
    with empty_world() as world:
        assert world.control("POST", PATH, json=order).status_code == 400
        assert world.control("GET", PATH).json() == {"destinations": []}
