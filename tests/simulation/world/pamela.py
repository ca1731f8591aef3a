"""Pamela in the simulation: the calls as they truly are, and as they are shown."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from billing.domain.account_identity import SourceIdentity
from billing.domain.period import EARLIEST, BillingPeriod, Window
from billing.errors import (
    SourceFault,
    SourceRefused,
    SourceUnavailable,
    SourceUnreadable,
)
from billing.gateways.call_pages import CallPage, as_source_call, walk_calls
from billing.gateways.retries import read_with_retries
from billing.ports import SourceCall, SourceTotals
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.chance import T
from tests.simulation.world.machine import Machine

Record = dict[str, object]
DEFAULT_CUSTOMER = "acme"  # of the calls that name none
OVER = frozenset({"completed", "failed", "cancelled"})


def spelled(moment: datetime) -> str:
    """Spell a moment as Pamela does."""
    return moment.isoformat().replace("+00:00", "Z")


class Bill(NamedTuple):
    """What a call owes, counted apart from the product's own rules."""

    customer: str
    hour: datetime
    minutes: int


@dataclass(eq=False, slots=True)
class SimCall:
    """A call at Pamela: what its record says now, and every bill that it ever gave."""

    id: str
    created: datetime
    record: Record
    sound: Record = field(init=False)  # the last of its records that made sense
    listed: bool = True
    malformed: bool = False
    contradicts: bool = False  # its duration and its times; it is malformed, too
    billed: list[Bill | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sound = self.record

    def bill(self) -> Bill | None:
        """Return what is owed for the call as it stands."""
        return None if self.malformed else self.as_said()

    def as_said(self) -> Bill | None:
        """Return what the record alone would come to."""
        record, start = self.record, self.record["started_at"]
        if record["status"] not in OVER or start is None:
            return None
        seconds = record["duration_seconds"]
        metadata = record["metadata"]
        assert isinstance(seconds, int)
        assert isinstance(metadata, dict)
        hour = datetime.fromisoformat(str(start)).replace(
            minute=0, second=0, microsecond=0
        )
        whole, rest = divmod(seconds, 60)
        customer = metadata.get("customer", DEFAULT_CUSTOMER)
        return Bill(customer, hour, whole + bool(rest) or 1)

    @property
    def place(self) -> datetime:
        """The moment that decides its month, however its record is malformed."""
        start = self.sound["started_at"]
        return datetime.fromisoformat(str(start)) if start else self.created

    @property
    def truth(self) -> tuple[str, datetime]:
        """What makes it this call and no other, whoever lists it."""
        return self.id, self.created


class SimPamela:
    """One partner's calls; changes are made here, so that every bill is remembered."""

    def __init__(self, identity: SourceIdentity, customers: frozenset[str]) -> None:
        self.identity = identity
        self.customers = customers
        self.calls: dict[str, SimCall] = {}
        self.gone: list[SimCall] = []
        self.off_by = 0
        self.first_period = EARLIEST
        self.filtered_by_start = False
        self.lapsed = False
        self._order: list[tuple[datetime, str]] = []

    def add(self, call: SimCall) -> None:
        """Take a call in."""
        self.calls[call.id] = call
        insort(self._order, (call.created, call.id))
        call.billed.append(self.due(call))

    def change(self, call: SimCall, **fields: object) -> None:
        """Let a record say something else."""
        call.record = call.record | fields
        if not call.malformed:
            call.sound = call.record
        call.billed.append(self.due(call))

    def remove(self, call: SimCall) -> None:
        """Delete a call."""
        if self.calls.get(call.id) is call:
            del self.calls[call.id]
            self.gone.append(call)
            self._order.remove((call.created, call.id))

    def due(self, call: SimCall) -> Bill | None:
        """Return what is owed for a call, by known customers in billed months."""
        bill = call.bill()
        if bill is None or bill.hour < self.first_period.start:
            return None
        return bill if bill.customer in self.customers else None

    def beside(self, project_id: str) -> "SimPamela":
        """Return one of its projects, which lists every call of the partner too."""
        project = copy(self)
        project.identity = SourceIdentity(self.identity.partner_id, project_id)
        return project

    def listed_at(self, call: SimCall) -> datetime:
        """Return the time by which the list's dates take a call."""
        return call.place if self.filtered_by_start else call.created

    def page(
        self, window: Window, offset: int, limit: int
    ) -> tuple[list[SimCall], int]:
        """Return calls of the list, newest first, and how many there are."""
        if self.filtered_by_start:
            calls = [
                call
                for call in self.calls.values()
                if call.listed and window.start <= self.listed_at(call) < window.end
            ]
            calls.sort(key=lambda call: (call.place, call.id), reverse=True)
            return calls[offset : offset + limit], len(calls)
        low = bisect_left(self._order, (window.start, ""))
        high = bisect_left(self._order, (window.end, ""))
        found = [self.calls[name] for _, name in self._order[low:high]]
        found = [call for call in reversed(found) if call.listed]
        return found[offset : offset + limit], len(found)

    def totals(self, period: BillingPeriod) -> SourceTotals:
        """Return the month's own totals; they include customers that nobody knows."""
        minutes = 0
        for call in self.calls.values():
            bill = call.as_said() if call.contradicts else call.bill()
            if call.listed and bill and bill.hour in period:
                stated = call.record["billed_minutes"]
                minutes += stated if isinstance(stated, int) else bill.minutes
        return SourceTotals(len(self.calls), minutes + self.off_by, self.said_identity)

    @property
    def said_identity(self) -> SourceIdentity | None:
        """Who it says it is beside its totals; None when it is nameless."""
        return self.identity if self.identity.known else None


@dataclass(frozen=True, kw_only=True)
class SimSource:
    """One name of the settings, with its key, as a process reads through it."""

    label: str
    account: str  # in the ledger
    key: str
    keys: Mapping[str, SimPamela]
    machine: Machine
    page_size: int
    between_pages: Callable[[SimPamela, Window], None]

    @property
    def _pamela(self) -> SimPamela:
        """Whoever the key is of, at this moment."""
        return self.keys[self.key]

    def named(self, account: str) -> "SimSource":
        """Return the same source under the account's name in the ledger."""
        self.machine.reads_of[account] = self._pamela
        return replace(self, account=account)

    def key_digest(self, salt: str) -> str:
        """Return a digest of the key."""
        return sha256(f"{salt} {self.key}".encode()).hexdigest()

    def read_identity(self) -> SourceIdentity:
        """Read whose the source is."""
        return self._ask("reads the identity", lambda: self._pamela.identity)

    def list_calls(self, window: Window) -> Iterator[Sequence[SourceCall]]:
        """Read the calls of a window as Pamela's are read."""
        return walk_calls(
            self.account, window, lambda offset: self.read_page(window, offset)
        )

    def read_page(self, window: Window, offset: int) -> CallPage:
        """Read a page; the list may move right after it."""

        def read() -> CallPage:
            weather, size = self.machine.weather, self.page_size
            start = offset
            found, total = self._pamela.page(window, offset, size)
            if total and weather.strikes(Fault.ENDLESS_LIST):
                start = offset % total
                found, total = self._pamela.page(window, start, size)
                return CallPage([dict(one.record) for one in found], total, True)
            more = start + len(found) < total
            records: list[object] = [dict(one.record) for one in found]
            if records and weather.strikes(Fault.TWO_OF_ONE_ID):
                records.insert(0, {**found[0].record, "duration_seconds": 7})
            if records:
                self.between_pages(self._pamela, window)
            if total and weather.strikes(Fault.LYING_HAS_MORE):
                return CallPage(records, total, not more)
            if total and weather.strikes(Fault.LYING_TOTAL):
                return CallPage(records, max(total - 2, 0), more)
            return CallPage(records, total, more)

        return self._ask(f"lists {window.start:%m-%d} from {offset}", read)

    def get_call(self, call_id: str) -> SourceCall | None:
        """Read one call."""

        def read() -> SourceCall | None:
            call = self._pamela.calls.get(call_id)
            return as_source_call(dict(call.record), self.account) if call else None

        return self._ask(f"gets {call_id}", read)

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Read the source's own totals of a month."""

        def read() -> SourceTotals:
            if self.machine.weather.strikes(Fault.TOTALS_SILENT):
                return SourceTotals(None, None, self._pamela.said_identity)
            return self._pamela.totals(period)

        return self._ask(f"reads the total of {period}", read)

    def _ask(self, what: str, read: Callable[[], T]) -> T:
        machine, weather = self.machine, self.machine.weather

        def once() -> T:
            machine.boundary(what, Fault.DIES_BETWEEN_PAGES, self._latency())
            if self._pamela.lapsed:
                raise SourceRefused(self.account, "the subscription lapsed")
            if weather.strikes(Fault.SOURCE_BUSY):
                raise SourceUnavailable(self.account, "slow down", retry_after=20)
            if weather.strikes(Fault.SOURCE_DOWN):
                raise SourceUnavailable(self.account, "no answer")
            if weather.strikes(Fault.UNREADABLE_PAGE):
                raise SourceUnreadable(self.account, "an answer that makes no sense")
            return read()

        try:
            return (
                once() if weather.calm else read_with_retries(once, sleep=machine.sleep)
            )
        except SourceFault as fault:
            machine.schedule.note(f"Pamela: {fault}")
            raise

    def _latency(self) -> timedelta:
        chance = self.machine.schedule.chance
        return timedelta(milliseconds=chance.between(20, 300))
