"""The ledger as an outsider sees it: plain SQL on a connection of its own."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from tests.simulation.trace import Violation
from tests.simulation.world.pamela import Bill

PRICE_MICRO = 100_000
R = TypeVar("R")
AccountCall = tuple[str, str]
Posted = dict[tuple[str, str], int]


class EventRow(NamedTuple):
    """A meter event as it stands."""

    id: int
    identifier: str
    customer: str
    stripe_customer: str
    period: str
    hour: str
    sequence: int
    timestamp: str
    minutes: int
    usage_rows: int
    state: str
    reason: str | None
    evidence: str | None
    tries: int
    first_unknown_at: str | None
    rearmed_at: str | None
    carries: str | None

    @property
    def payload(self) -> tuple[object, ...]:
        """What never changes once the event is staged."""
        return self[:10]

    @property
    def standing(self) -> str:
        """The state, and the reason of a failure."""
        return f"failed/{self.reason}" if self.state == "failed" else self.state


class CallRow(NamedTuple):
    """The newest revision of a call."""

    account: str
    call_id: str
    revision: int
    period: str
    status: str
    created_at: str | None
    started_at: str | None
    duration_seconds: int | None
    customer: str | None
    not_billable: str | None
    extract_sha256: str


class PullRow(NamedTuple):
    """One pull."""

    id: int
    account: str
    period: str
    state: str
    window_start: str
    window_end: str


class LedgerView:
    """What is committed, and nothing else."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask by plain SQL."""
        return self.connection.execute(query, values).fetchall()

    def _read(
        self, row_of: Callable[..., R], names: Sequence[str], table: str
    ) -> list[R]:
        """Return a table's rows, each column by its name."""
        rows = self.rows(f"SELECT {', '.join(names)} FROM {table} ORDER BY id")
        return [row_of(**dict(zip(names, row, strict=True))) for row in rows]

    def events(self) -> list[EventRow]:
        """Return all meter events."""
        return self._read(EventRow, EventRow._fields, "meter_event")

    def attempt(self, identifier: str, key: str) -> tuple[str, str | None] | None:
        """Return the attempt with this key: what it is for, and its verdict."""
        found = self.rows(
            "SELECT a.kind, a.verdict FROM meter_attempt a JOIN meter_event e "
            "ON e.id = a.event_id WHERE e.identifier = ? AND a.idempotency_key = ?",
            identifier,
            key,
        )
        return found[0] if len(found) == 1 else None

    def calls(self) -> dict[AccountCall, CallRow]:
        """Return the newest revision of every call; its chain has to be unbroken."""
        newest: dict[AccountCall, CallRow] = {}
        for call in self._read(CallRow, CallRow._fields, "call"):
            before = newest.get((call.account, call.call_id))
            assert call.revision == (before.revision if before else 0) + 1, call
            assert not before or before.extract_sha256 != call.extract_sha256, call
            newest[call.account, call.call_id] = call
        return newest

    def posted(self) -> dict[AccountCall, Posted]:
        """Return the minutes of each call by customer and hour; none that are zero."""
        found: dict[AccountCall, Posted] = defaultdict(dict)
        for account, call_id, customer, hour, minutes, amount in self.rows(
            "SELECT account, call_id, customer, call_hour, sum(billed_minutes), "
            "sum(amount_micro) FROM b2b_usage "
            "GROUP BY account, call_id, customer, call_hour"
        ):
            assert amount == minutes * PRICE_MICRO, (call_id, minutes, amount)
            if minutes:
                found[account, call_id][customer, hour] = minutes
        return found

    def billed(
        self, owners: Mapping[str, str], decided: Mapping[AccountCall, datetime]
    ) -> dict[tuple[str, datetime], Posted]:
        """Return the minutes of each true call, whichever account or name has them.

        When one was created is known of what a person `decided`, if no record tells.
        """
        created = dict(decided) | {
            (account, call_id): datetime.fromisoformat(moment)
            for account, call_id, moment in self.rows(
                "SELECT account, call_id, min(created_at) FROM call "
                "WHERE created_at IS NOT NULL GROUP BY account, call_id"
            )
        }
        found: dict[tuple[str, datetime], Posted] = defaultdict(dict)
        for place, posted in self.posted().items():
            if place not in created:
                raise Violation("I24", f"nothing tells which call {place} is")
            call = found[place[1], created[place]]
            for (customer, hour), minutes in posted.items():
                slot = owners[customer], hour
                call[slot] = call.get(slot, 0) + minutes
        return {
            call: {slot: minutes for slot, minutes in posted.items() if minutes}
            for call, posted in found.items()
        }

    def pulls(self) -> list[PullRow]:
        """Return all pulls."""
        return self._read(PullRow, PullRow._fields, "pull")

    def closed(self) -> dict[str, int]:
        """Return how many minutes each closed month holds, and shall hold for ever."""
        return dict(
            self.rows(
                "SELECT c.period, coalesce(sum(u.billed_minutes), 0) "
                "FROM period_close c LEFT JOIN b2b_usage u ON u.period = c.period "
                "GROUP BY c.period"
            )
        )

    def unfinished(self, period: str) -> int:
        """Count what of a month is still to be staged, sent or understood."""
        ((rows,),) = self.rows(
            "SELECT count(*) FROM b2b_usage "
            "WHERE period = ? AND meter_event_id IS NULL",
            period,
        )
        ((events,),) = self.rows(
            "SELECT count(*) FROM meter_event WHERE period = ? AND state <> 'synced' "
            "AND coalesce(reason, '') NOT IN ('replaced', 'voided')",
            period,
        )
        ((aside,),) = self.rows(
            "SELECT count(*) FROM quarantine q "
            "WHERE period = ? AND released_at IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM call_decision d WHERE d.account = q.account "
            "AND d.call_id = q.call_id AND d.quarantine_id >= q.id)",
            period,
        )
        return int(rows + events + aside)

    def quarantined(self) -> set[AccountCall]:
        """Return the calls that were ever set aside."""
        return set(self.rows("SELECT account, call_id FROM quarantine"))

    def held(self, reason: str) -> set[str]:
        """Return the ids of calls that are set aside for a reason, as it stands."""
        query = (
            "SELECT call_id FROM quarantine WHERE reason = ? AND released_at IS NULL"
        )
        return {name for (name,) in self.rows(query, reason)}

    def last_contact(self) -> list[tuple[Any, ...]]:
        """Return the newest first contact: its month, its address and its minutes."""
        return self.rows(
            "SELECT period, stripe_customer, minutes FROM meter_contact "
            "ORDER BY id DESC LIMIT 1"
        )

    def held_customers(self) -> list[str | None]:
        """Return whose sending is held, as this ledger knows it; None is all."""
        return [
            customer
            for customer, held in self.rows(
                "SELECT customer, held FROM send_hold WHERE id IN "
                "(SELECT max(id) FROM send_hold GROUP BY customer)"
            )
            if held
        ]

    def breaks_at_meter(self) -> list[tuple[str, int]]:
        """Return by how much the meter holds more than was sent, as last found."""
        return self.rows(
            "SELECT customer, minutes FROM reconciliation_break "
            "WHERE customer IS NOT NULL AND run_id IN "
            "(SELECT max(id) FROM reconciliation_run GROUP BY period)"
        )

    def named_above(self) -> list[tuple[str, int]]:
        """Return what was found to be more than this ledger ever sent."""
        return self.rows(
            "SELECT customer, minutes FROM reconciliation_break WHERE minutes > 0 "
            "AND cause IN ('above_ledger', 'foreign_event', 'counted_twice') "
            "AND run_id IN (SELECT max(id) FROM reconciliation_run GROUP BY period)"
        )

    def above_ledger(self) -> set[str]:
        """Return of whom more was found than can be this ledger's, as last found."""
        query = (
            "SELECT customer FROM reconciliation_break WHERE cause = 'above_ledger' "
            "AND run_id IN (SELECT max(id) FROM reconciliation_run GROUP BY period)"
        )
        return {customer for (customer,) in self.rows(query)}

    def named_doubles(self) -> set[str]:
        """Return the events that were found to count twice, as last found."""
        query = (
            "SELECT event FROM reconciliation_break WHERE cause = 'counted_twice' "
            "AND run_id IN (SELECT max(id) FROM reconciliation_run GROUP BY period)"
        )
        return {event for (event,) in self.rows(query)}

    def not_counted(self) -> list[tuple[str, int]]:
        """Return what the ledger itself says is not on the meter, by customer."""
        return self.rows(
            "SELECT customer, minutes FROM meter_event WHERE state <> 'synced' "
            "AND coalesce(reason, '') <> 'replaced' UNION ALL "
            "SELECT customer, billed_minutes FROM b2b_usage "
            "WHERE meter_event_id IS NULL"
        )

    def readings(self) -> list[tuple[Any, ...]]:
        """Return what the newest reconciliation read of the meter."""
        return self.rows(
            "SELECT period, stripe_customer, stripe_minutes, settled "
            "FROM reconciliation_reading "
            "WHERE run_id = (SELECT max(id) FROM reconciliation_run)"
        )


def rated(call: CallRow) -> dict[tuple[str, str], int]:
    """Rate a revision, apart from the product's own rules."""
    if call.not_billable or call.started_at is None or call.customer is None:
        return {}
    seconds = call.duration_seconds or 0
    whole, rest = divmod(seconds, 60)
    hour = datetime.fromisoformat(call.started_at).replace(
        minute=0, second=0, microsecond=0
    )
    return {(call.customer, hour.isoformat()): whole + bool(rest) or 1}


def as_posted(bill: Bill | None) -> dict[tuple[str, str], int]:
    """Say what the ledger holds of a call with this bill."""
    return {(bill.customer, bill.hour.isoformat()): bill.minutes} if bill else {}


def owned(posted: Posted, owners: Mapping[str, str]) -> Posted:
    """Say the same by who a customer truly is, whatever its name was."""
    found: Posted = defaultdict(int)
    for (customer, hour), minutes in posted.items():
        found[owners[customer], hour] += minutes
    return {slot: minutes for slot, minutes in found.items() if minutes}
