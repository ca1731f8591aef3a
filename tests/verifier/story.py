"""A story: what happens to one ledger on paper, step by step."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import count
from typing import Any

from billing.domain.call import Call
from billing.domain.period import BillingPeriod, hour_of
from billing.domain.posting import Charge, Slot, charge_call, plan_postings
from billing.domain.rating import Price, PriceList, why_not_billable
from tests.verifier.paper import NOON, Paper, Row, encode_line
from tests.verifier.signing import TestKey

MARCH, APRIL = BillingPeriod(2026, 3), BillingPeriod(2026, 4)
CUSTOMERS = ("acme", "globex", "öko")
PRICES = (
    Price(datetime(2026, 1, 1, tzinfo=UTC), Decimal("0.10")),
    Price(datetime(2026, 3, 15, tzinfo=UTC), Decimal("0.1234567")),
)
LATE = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)


class Story:
    """A ledger on paper, and the numbers that its next rows get."""

    def __init__(self, seed: int, calls: int = 12) -> None:
        self.chance = random.Random(seed)
        self.paper = Paper(TestKey(seed % 200 + 1))
        self._numbers = {name: count(1) for name in ("pull", "call", "usage", "event")}
        self._attempt, self._run = count(1), 0
        self._posted: dict[str, dict[Slot, Charge]] = {}
        self._revisions: dict[str, int] = {}
        self._first_rows: dict[str, int] = {}
        self._unsent: list[Row] = []
        self._sequences: dict[Slot, int] = {}
        self._closed: set[BillingPeriod] = set()
        self._extracts: dict[tuple[str, int], str] = {}
        self.names = [f"call_{number}" for number in range(1, calls + 1)]

    def begin(self) -> None:
        """Register who is billed, and at which prices."""
        self.paper.register_key()
        customers = [[name, f"cus_{n}", NOON] for n, name in enumerate(CUSTOMERS)]
        prices = [
            [
                n,
                price.effective_from.isoformat(),
                format(price.per_minute, "f"),
                "usd",
                NOON,
            ]
            for n, price in enumerate(PRICES, start=1)
        ]
        accounts = [["main", "acme", None, NOON]]
        rows: dict[str, list[Row]] = {
            "customer": customers,
            "account": accounts,
            "price": prices,
        }
        self.paper.commit("registered", rows)

    def pull(self, names: list[str], now: datetime = LATE) -> None:
        """Read calls, new or changed, and post what they come to."""
        number = next(self._numbers["pull"])
        at = now.isoformat()
        window = [MARCH.start.isoformat(), MARCH.end.isoformat(), at]
        pull: Row = [number, "main", str(MARCH), "month", *window, None, "running"]
        self.paper.commit("pull.started", {"pull": [[*pull, *[None] * 10]]})
        calls, usage = [], []
        for name in names:
            call_row, rows = self._read(name, number, now)
            calls.append(call_row)
            usage += rows
        self.paper.commit("calls.recorded", {"call": calls, "b2b_usage": usage})
        self._unsent += usage
        done = [*pull[:7], at, "complete", None, 1, len(names), len(names), 0, 0]
        self.paper.commit("pull.ended", {"pull": [[*done, "{}", None, None, None]]})

    def _read(self, name: str, pull: int, now: datetime) -> tuple[Row, list[Row]]:
        chance = self.chance
        started: datetime | None = MARCH.start + timedelta(
            seconds=chance.randrange(31 * 86_400), microseconds=chance.choice([0, 5])
        )
        if chance.random() < 0.15:
            started = None
        seconds = chance.randrange(0, 4_000) if started else None
        ended = started and started + timedelta(seconds=seconds or 0)
        status = "failed" if started is None else "completed"
        call = Call(
            account="main",
            call_id=name,
            status=status,
            created_at=MARCH.start,
            started_at=started,
            ended_at=ended,
            duration_seconds=seconds,
            source_minutes=None,
            customer_key=None,
        )
        customer = chance.choice(CUSTOMERS)
        due = charge_call(call, customer, PriceList(PRICES))
        revision = self._revisions.get(name, 0) + 1
        self._revisions[name] = revision
        self._extracts[name, revision] = call.digest()
        reason = why_not_billable(call)
        moments = [moment and moment.isoformat() for moment in call[3:6]]
        call_row: Row = [
            next(self._numbers["call"]),
            "main",
            name,
            revision,
            str(MARCH),
        ]
        call_row += [status, *moments, seconds, None, due and customer]
        call_row += [reason and reason.value, 0, call.digest(), "ab" * 32, pull]
        return call_row, list(self._post(name, revision, call, due, pull, now))

    def _post(
        self, name: str, revision: int, call: Call, due: Any, pull: int, now: datetime
    ) -> Iterator[Row]:
        posted = self._posted.setdefault(name, {})
        price = due and PriceList(PRICES).at(call.started_at or now)
        for planned in plan_postings(due, posted):
            slot, charge = planned.slot, planned.charge
            old = posted.get(slot, Charge(0, 0))
            posted[slot] = Charge(old[0] + charge[0], old[1] + charge[1])
            hour = hour_of(now) if MARCH in self._closed else slot.hour
            number, corrects = next(self._numbers["usage"]), self._first_rows.get(name)
            self._first_rows.setdefault(name, number)
            adjusts = corrects is not None or hour != slot.hour
            yield [
                number,
                "adjustment" if adjusts else "api_usage",
                "main",
                slot.customer,
                name,
                revision,
                str(BillingPeriod.of(hour)),
                hour.isoformat(),
                slot.hour.isoformat(),
                *charge,
                "usd",
                price and PRICES.index(price) + 1,
                corrects,
                pull,
                now.isoformat(),
            ]

    def send(self) -> None:
        """Stage what is unsent, send it, and keep the answers."""
        slots: dict[tuple[str, str], list[Row]] = {}
        for row in self._unsent:
            slots.setdefault((row[3], row[7]), []).append(row)
        self._unsent = []
        staged, bindings = [], {}
        for (customer, hour), rows in sorted(slots.items()):
            staged.append(self._stage(customer, hour, rows))
            bindings[staged[-1][0]] = [row[0] for row in rows]
        self.paper.commit("events.staged", {"meter_event": staged}, bindings)
        for event in staged:
            self._send(event)

    def _stage(self, customer: str, hour: str, rows: list[Row]) -> Row:
        at = datetime.fromisoformat(hour)
        slot = Slot(customer, at)
        sequence = self._sequences.get(slot, 0)
        self._sequences[slot] = sequence + 1
        stripe = f"cus_{CUSTOMERS.index(customer)}"
        name = f"test-minutes-{stripe}-{at:%Y%m%dT%H}-{sequence}"
        minute = (at + timedelta(minutes=sequence)).isoformat()
        sums = sum(row[9] for row in rows), sum(row[10] for row in rows), len(rows)
        begun: Row = [
            next(self._numbers["event"]),
            name,
            customer,
            stripe,
            "minutes",
            0,
        ]
        begun += [str(BillingPeriod.of(at)), hour, sequence, minute, *sums, NOON]
        state = ["pending", None, None] if sums[0] else ["synced", None, "nothing"]
        return [*begun, *state, 0, None, None, None, None]

    def _send(self, event: Row) -> None:
        if event[14] == "synced":
            return
        number = next(self._attempt)
        attempt: Row = [number, event[0], 1, f"k{number}", "tests", NOON]
        open_ = [*attempt, *[None] * 5, "event"]
        self.paper.commit("attempted", {"meter_attempt": [open_]})
        answer = [NOON, "counted", 200, f"req_{number}", "", "event"]
        synced = [*event[:14], "synced", None, f"counted: req_{number}", 1, *event[18:]]
        rows = {"meter_attempt": [[*attempt, *answer]], "meter_event": [synced]}
        self.paper.commit("answered", rows)

    def reconcile(self, period: BillingPeriod = MARCH) -> None:
        """Reconcile a month; one break stays open."""
        self._run += 1
        run = self._run
        usage = self.paper.rows["b2b_usage"].values()
        readings, month = [], str(period)
        for place, customer in enumerate(CUSTOMERS):
            minutes = sum(r[9] for r in usage if r[3] == customer and r[6] == month)
            sides = [minutes, minutes, minutes, 1, NOON, None, None, None]
            number = (run - 1) * len(CUSTOMERS) + place + 1
            head = [number, run, month, customer, f"cus_{place}"]
            readings.append([*head, *sides])
        broken = ["acme", None, "not_counted", None]
        rows = {
            "reconciliation_run": [[run, month, NOON, NOON, 1, 1, 0, 1, 0]],
            "reconciliation_reading": readings,
            "reconciliation_break": [
                [run, run, *broken, -1, -100_000, "[]", run, None, None]
            ],
            "break_case": [[run, month, *broken, None, "[]", NOON, run, *[None] * 5]],
        }
        self.paper.commit("period.reconciled", rows)
        self.paper.sign()

    def close(self) -> None:
        """Freeze March under its digest."""
        usage = self.paper.rows["b2b_usage"]
        rows = [row for row in usage.values() if row[6] == str(MARCH)]
        named = {row[12] for row in rows}
        lines: list[list[Any]] = [["pamela-billing close 1", str(MARCH)]]
        prices = self.paper.rows["price"].values()
        since = {row[0]: row[1] for row in prices}
        lines += [["price", *row[1:4]] for row in prices if row[0] in named]
        for row in sorted(rows, key=lambda r: (r[2], r[4], r[5], r[8], r[3])):
            other = usage.get(row[13])
            corrected = [other[5], other[8], other[3]] if other else [None] * 3
            lines.append(
                [
                    "usage",
                    row[2],
                    row[4],
                    row[5],
                    row[8],
                    row[3],
                    row[1],
                    row[7],
                    row[9],
                    row[10],
                    row[11],
                    row[15],
                    since.get(row[12]),
                    *corrected,
                    self._extracts[row[4], row[5]],
                ]
            )
        for customer in sorted({row[3] for row in rows}):
            own = [row for row in rows if row[3] == customer]
            sums = sum(row[9] for row in own), sum(row[10] for row in own)
            lines.append(["total", customer, "usd", len(own), *sums])
        digest = sha256(
            b"".join(encode_line(line) + b"\n" for line in lines)
        ).hexdigest()
        close = [str(MARCH), LATE.isoformat(), "tests", digest, None]
        self.paper.commit("period.closed", {"period_close": [close]})
        self._closed.add(MARCH)
        self.paper.sign()
