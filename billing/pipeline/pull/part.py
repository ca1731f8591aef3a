"""Parts: some calls of a pull, as they were read and rated."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.call import (
    LONGEST_CALL_SECONDS,
    NAMELESS,
    Call,
    Quarantined,
    QuarantineReason,
)
from billing.domain.period import EARLIEST, BillingPeriod, Window
from billing.domain.rating import billed_minutes
from billing.errors import SourceUnavailable
from billing.ledger.pull.calls import RatedCall
from billing.ledger.pull.known_readings import KnownReading
from billing.ledger.pull.quarantine import SetAside
from billing.pipeline.concurrency import ACCOUNTS_AT_ONCE, Readers, Turn
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.paging import WindowReading, WindowWalk
from billing.pipeline.pull.part_line import PartLine
from billing.ports import CallMark, SourceCall, UsageSource

PulledCall = RatedCall | SetAside | KnownReading


@dataclass(slots=True)
class PulledPart:
    """Calls as they were read and rated, and the records that were set aside."""

    pages: int = 0
    readings: list[RatedCall] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    unchanged: list[KnownReading] = field(default_factory=list)
    until: datetime | None = None  # the end of the part of the window it is of

    @classmethod
    def of(cls, reading: WindowReading[PulledCall], until: datetime) -> "PulledPart":
        """Return what was read of a window."""
        part = cls(reading.pages, until=until)
        for call_id in reading.duplicates:
            reading.calls.pop(call_id, None)
        for several in (reading.calls, reading.anonymous, reading.duplicates):
            part._add_all(several.values())
        return part

    def __len__(self) -> int:
        return len(self.readings) + len(self.set_aside) + len(self.unchanged)

    @classmethod
    def together(cls, parts: Sequence["PulledPart"]) -> "PulledPart":
        """Return several parts as one, in which each call is as it was read last."""
        if len(parts) == 1:
            return parts[0]
        whole = cls(sum(part.pages for part in parts))
        whole._add_all(cls.joined(parts).values())
        return whole

    def _add_all(self, calls: Collection[PulledCall]) -> None:
        # Mostly all are unchanged, or none.
        unchanged = [call for call in calls if type(call) is KnownReading]
        self.unchanged += unchanged
        if len(unchanged) < len(calls):
            for call in calls:
                if type(call) is not KnownReading:
                    self.add(call)

    def add(self, call: PulledCall) -> None:
        """Take in one call as it was rated, set aside or recognised."""
        if isinstance(call, KnownReading):
            self.unchanged.append(call)
        elif isinstance(call, SetAside):
            self.set_aside.append(call)
        else:
            self.readings.append(call)

    def rated(self) -> dict[str, RatedCall | SetAside]:
        """Return what was rated or set aside, by the calls' ids."""
        found: dict[str, RatedCall | SetAside] = {}
        found |= {reading.call.call_id: reading for reading in self.readings}
        found |= {item.call_id: item for item in self.set_aside}
        return found

    @staticmethod
    def joined(parts: Iterable["PulledPart"]) -> dict[str, PulledCall]:
        """Return the calls of several parts by their ids, each as it was read last."""
        latest: dict[str, PulledCall] = {}
        for part in parts:
            latest |= part.rated()
            latest |= {call.call_id: call for call in part.unchanged}
        return latest


Recognise = Callable[[Sequence[CallMark], datetime], Mapping[str, KnownReading]]


def recognise_nothing(
    _marks: Sequence[CallMark], _now: datetime
) -> dict[str, KnownReading]:
    """Recognise no record, so that each is read and rated."""
    return {}


@dataclass(frozen=True, slots=True)
class PartReader:
    """Reads windows of one account by parts, and rates the calls in them."""

    source: UsageSource
    rules: AccountRules
    period: BillingPeriod
    now: Callable[[], datetime]
    readers: Readers
    turn: Turn = field(default_factory=Turn)
    recognise: Recognise = recognise_nothing

    def read(self, window: Window) -> Iterator[PulledPart]:
        """Read what was created in a window, part by part; raises SourceFault."""
        if window.start >= window.end:
            return
        walk = WindowWalk(source=self.source, window=window, begin=self._begin)
        line = PartLine.of(walk, self.readers.pool, self._ahead)
        with closing(line.read()) as parts:
            for reading, read in parts:
                yield PulledPart.of(reading, read.end)
                if self.readers.abandoned.is_set():
                    raise SourceUnavailable(self.source.label, "reading was broken off")

    def _ahead(self) -> int:
        """Say how many parts may be read, or wait to be recorded, at a time."""
        count = self.readers.count
        # Somewhat more than can be read at once, so that nobody waits for the first;
        # where others are to be recorded before, as many as their share.
        return (
            count + count // 2 + 1
            if self.turn.has_come
            else count // ACCOUNTS_AT_ONCE + 1
        )

    def _begin(self) -> WindowReading[PulledCall]:
        rules, period, now = self.rules, self.period, self.now()
        return WindowReading(
            understand=lambda told: _rate(rules, told, period, now),
            understand_duplicate=lambda told: _duplicate(rules, told, period, now),
            recognise=lambda marks: self.recognise(marks, now),
        )


def rate_calls(
    rules: AccountRules,
    calls: Iterable[SourceCall],
    period: BillingPeriod,
    now: datetime,
) -> PulledPart:
    """Rate calls that were read; set aside what cannot be understood."""
    part = PulledPart()
    for told in calls:
        part.add(_rate(rules, told, period, now))
    return part


def _rate(
    rules: AccountRules, told: SourceCall, period: BillingPeriod, now: datetime
) -> RatedCall | SetAside:
    rated = rules.rate(told, period, now)
    if isinstance(rated, Quarantined):
        return SetAside(
            account=rated.account,
            call_id=rated.call_id or f"{NAMELESS}{told.sha256[:16]}",
            reason=rated.reason,
            detail=rated.detail,
            source_sha256=told.sha256,
            period=_month_of(told, period, now),
            minutes=_minutes_of(told),
            extract_sha256=rated.extract_sha256,
            created_at=_source_of(told).created_at,
            started_at=_source_of(told).started_at,
            customer=rules.customer_of(told),
        )
    return rated


def _source_of(told: SourceCall) -> Call | SourceCall:
    """Return what tells when a call began, also of one that is not understood."""
    return told.call if isinstance(told.call, Call) else told


def _month_of(told: SourceCall, period: BillingPeriod, now: datetime) -> BillingPeriod:
    """Return the month of a call that is set aside: its own, where it says one."""
    placed_at = told.call.placed_at if isinstance(told.call, Call) else told.started_at
    is_past = placed_at is not None and EARLIEST.start <= placed_at <= now
    return BillingPeriod.of(placed_at) if placed_at and is_past else period


def _minutes_of(told: SourceCall) -> int | None:
    """Return what a call that is set aside may come to; None if nobody can tell."""
    call = told.call
    if isinstance(call, Quarantined) or call.started_at is None or not call.terminal:
        return None
    if call.source_minutes is not None:
        return call.source_minutes
    seconds = call.duration_seconds
    is_length = seconds is not None and 0 <= seconds <= LONGEST_CALL_SECONDS
    return billed_minutes(seconds) if seconds is not None and is_length else None


def _duplicate(
    rules: AccountRules, told: SourceCall, period: BillingPeriod, now: datetime
) -> SetAside:
    return SetAside(
        account=told.call.account,
        call_id=told.call.call_id or NAMELESS,
        reason=QuarantineReason.DUPLICATE_ID,
        detail="the id stands on two records of one page that say different things",
        source_sha256=told.sha256,
        period=_month_of(told, period, now),
        customer=rules.customer_of(told),
    )
