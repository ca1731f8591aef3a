"""Stripe in the simulation: the sandbox's books, moods, and what was truly counted."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from billing.domain.meter_event import MeterEvent
from billing.domain.period import BillingPeriod, Window
from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.http.idempotency import StoredAnswer
from billing.sandbox.stripe.metering import events
from billing.sandbox.stripe.metering.events import EventRequest
from billing.sandbox.stripe.mode import StripeMode
from billing.sandbox.stripe.rules import StripeRules
from tests.simulation.trace import Violation
from tests.simulation.weather import Weather
from tests.simulation.world.borders.settings import SimSettings
from tests.simulation.world.catalogue import BEYOND, Fault
from tests.simulation.world.schedule import Schedule

METER = "stripe_minutes"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RESEND_WINDOW, QUIET = timedelta(hours=23), timedelta(hours=2)


class SimStripe:
    """One Stripe account in test mode, on true time."""

    def __init__(self, schedule: Schedule, weather: Weather) -> None:
        self.schedule = schedule
        rules = StripeRules(summary_lag=timedelta(), rate_limited=False)
        if weather.strikes(Fault.FORGETS_LATE):
            rules.identifier_spread = DAY
        if weather.strikes(Fault.SUMMARY_LAGS):
            rules.summary_spread = 2 * HOUR
        if weather.strikes(Fault.SUMMARY_LAGS_LONG):
            rules.summary_spread = 6 * HOUR
        if weather.strikes(Fault.SUMMARY_LAGS_DAYS):
            rules.summary_spread = 72 * HOUR
        if weather.strikes(Fault.LAGS_BEYOND):
            rules.summary_spread = 240 * HOUR
        if weather.strikes(Fault.FORGETS_EARLY):
            rules.identifier_memory, rules.identifier_spread = HOUR / 60, HOUR
        self.is_beyond = any(weather.may_have(fault) for fault in BEYOND)
        self.doubled: set[str] = set()  # identifiers that count twice, beyond bounds
        self.rules = rules
        self.books = StripeMode(rules, livemode=False)
        made = self.books.create_meter(
            {
                "display_name": "Minutes",
                "event_name": METER,
                "default_aggregation": {"formula": "sum"},
            },
            schedule.now,
        )
        self.meter_id = str(made["id"])
        self.key_revoked = False
        self.down = False
        self.deaf = False
        self.mute = False
        self.forgetful = False
        self.unserved: dict[str, stripe.StripeError] = {}  # customers, and what is said
        self.is_shared = False  # by two ledgers, which do not know of each other
        self.rejects = weather.may_have(Fault.REJECTED_LATER)
        self.received: dict[str, list[events.MeterEvent]] = defaultdict(list)
        self.foreign: list[events.MeterEvent] = []
        self.foreign_at: dict[str, datetime] = {}  # when they came last, by customer
        self.changes: list[tuple[str, int, datetime, int]] = []
        self.busy_until: dict[str, datetime] = {}
        self.on_time_out: list[Callable[[], None]] = []  # what happens at the next one
        self.payloads: dict[str, MeterEvent] = {}

    def clear_up(self) -> None:
        """Be well from now on."""
        self.key_revoked = self.down = self.deaf = self.mute = self.forgetful = False
        self.unserved.clear()
        self.on_time_out.clear()
        self.books.rejections.orders.clear()
        self.rules.summary_lag = self.rules.summary_spread = timedelta()

    def create_customer(self, name: str) -> None:
        """Let a customer exist."""
        self.books.create_customer({}, self.schedule.now, name=name)

    def take(self, event: MeterEvent, key: str) -> None:
        """Take an event as Stripe does; raises StripeError."""
        sent = EventRequest(
            event.meter,
            {
                "stripe_customer_id": event.stripe_customer,
                "value": str(event.minutes),
            },
            event.identifier,
            int(event.timestamp.timestamp()),
        )
        now, answers = self.schedule.now, self.books.answers
        kept = answers.claim(key, event.identifier, now)
        if kept is not None:
            raise StripeError(
                http_status=kept.status, type="api_error", message=kept.body
            )
        try:
            taken = self.books.receive_event(sent, now, request_key=key)
        finally:
            answers.release(key)
        self.received[event.identifier].append(taken)
        self.schedule.note(f"Stripe takes {event.identifier}: {event.minutes}")
        if taken.rejected:
            self.schedule.trace.sometimes("an event is rejected later")
        else:
            self._count(taken, int(taken.value))
        counted = [one for one in self.received[event.identifier] if counts(one)]
        if len(counted) > 1 and not self.is_shared:
            if not self.is_beyond:
                raise Violation("I12", f"{event.identifier} is counted twice")
            self.doubled.add(event.identifier)

    def take_foreign(self, customer: str, minutes: int, at: datetime) -> None:
        """Take an event that somebody else reports; raises StripeError."""
        name = f"foreign_{len(self.foreign)}"
        payload = {"stripe_customer_id": customer, "value": str(minutes)}
        sent = EventRequest(METER, payload, name, int(at.timestamp()))
        taken = self.books.receive_event(sent, self.schedule.now, request_key=name)
        self.foreign.append(taken)
        self.foreign_at[customer] = self.schedule.now
        self.schedule.note(f"somebody else reports {minutes} of {customer}")
        if not taken.rejected:
            change = (customer, taken.timestamp, self.schedule.now, minutes)
            self.changes.append(change)

    def foreign_minutes(self, owner: str, month: str) -> int:
        """Return the minutes of a customer's month that somebody else reported."""
        return sum(
            int(taken.value)
            for taken in self.foreign
            if counts(taken)
            and SimSettings.owner_at_stripe(taken.customer) == owner
            and f"{datetime.fromtimestamp(taken.timestamp, UTC):%Y-%m}" == month
        )

    def cancel(self, identifier: str) -> None:
        """Take an event back as Stripe does; raises StripeError."""
        self.books.cancel_event(METER, identifier, self.schedule.now)
        self.schedule.note(f"Stripe cancels {identifier}")
        self.schedule.trace.sometimes("an event is cancelled")
        taken = self.received[identifier][-1]
        if not taken.rejected:
            self._count(taken, -int(taken.value))

    def _count(self, taken: events.MeterEvent, minutes: int) -> None:
        change = (taken.customer, taken.timestamp, self.schedule.now, minutes)
        self.changes.append(change)
        if minutes < 0 and not (self.rejects or self.is_shared):
            self._judge_total(taken.customer, taken.timestamp)

    def _judge_total(self, customer: str, second: int) -> None:
        month = BillingPeriod.of(datetime.fromtimestamp(second, UTC))
        window = Window(month.start, month.end)
        (total,) = self.totals(customer, window, self.schedule.now)
        if total < 0:
            raise Violation("I20", f"{customer} is at {total} minutes in {month}")

    def store_500(self, key: str, identifier: str) -> None:
        """Keep a 500 under a key."""
        now = self.schedule.now
        if self.books.answers.claim(key, identifier, now) is None:
            self.books.answers.keep(
                key,
                StoredAnswer(
                    fingerprint=identifier,
                    answered_at=now,
                    request_id="req",
                    status=500,
                    body="500",
                ),
            )
            self.books.answers.release(key)

    def counted(self, identifier: str) -> int | None:
        """Return the minutes that truly count of an event; None when it does not."""
        values = [int(one.value) for one in self.received[identifier] if counts(one)]
        return sum(values) if values else None

    def counting(self) -> list[events.MeterEvent]:
        """Return every event of ours that counts."""
        return [one for taken in self.received.values() for one in taken if counts(one)]

    def totals(self, stripe_customer: str, window: Window, since: datetime) -> set[int]:
        """Return the minutes that truly counted at any moment since then."""
        low, high = window.start.timestamp(), window.end.timestamp()
        total, totals = 0, set[int]()
        changes = [
            (at, minutes)
            for customer, second, at, minutes in self.changes
            if customer == stripe_customer and low <= second < high
        ]
        for at, minutes in changes:
            if at > since:
                totals.add(total)
            total += minutes
        return totals | {total}

    def shown(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Return what summaries show, hour by hour; lagging, and at times forgetful."""
        meter = self.books.meters.by_id[self.meter_id]
        span = range(int(window.start.timestamp()), int(window.end.timestamp()))
        hours: dict[datetime, int] = defaultdict(int)
        utc = self.schedule.now.tzinfo
        found = self.books.events.shown(meter, stripe_customer, span, self.schedule.now)
        for position, one in enumerate(found):
            if self.forgetful and position % 2 == 0:
                continue
            second = one.timestamp - one.timestamp % 3_600
            hours[datetime.fromtimestamp(second, utc)] += int(one.value)
        return dict(hours)


def counts(event: events.MeterEvent) -> bool:
    """Say whether an event counts in the end."""
    return event.reason is None


def as_raised(error: StripeError) -> stripe.StripeError:
    """Return the exception that Stripe's library raises for a refusal."""
    more: Any = {"http_status": error.http_status, "json_body": error.body()}
    match error.http_status:
        case 429:
            return stripe.RateLimitError(error.message, **more)
        case 401:
            return stripe.AuthenticationError(error.message, **more)
        case 400 | 404 if error.type == "idempotency_error":
            return stripe.IdempotencyError(error.message, **more)
        case 400 | 404:
            names = error.message, error.param, error.code
            return stripe.InvalidRequestError(*names, **more)  # type: ignore[no-untyped-call]
        case _:
            return stripe.APIError(error.message, **more)


@dataclass(slots=True)
class Sendings:
    """What was sent under one identifier, as the retry schedule sees it."""

    sends: int = 0
    round_tries: int = 0
    first_unknown_at: datetime | None = None
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    last_outcome_at: datetime | None = None
    last_key: str = ""
    keys: set[str] = field(default_factory=set)

    def is_remembered(self, now: datetime) -> bool:
        """Whether Stripe surely refuses the identifier, should the event count."""
        first, told = self.first_unknown_at, self.last_outcome_at
        if first is None or told is None:
            return False
        return now - told >= QUIET and now - first < RESEND_WINDOW
