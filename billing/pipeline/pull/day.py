"""Days: the unit of a pull; each is read whole, then recorded in one commit."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.call import (
    LONGEST_CALL_SECONDS,
    NAMELESS,
    Call,
    NotBillable,
    Quarantined,
    QuarantineReason,
)
from billing.domain.call_metadata import Withheld
from billing.domain.period import EARLIEST, BillingPeriod, Window
from billing.domain.rating import billed_minutes
from billing.ledger.pull.calls import HeldCall, RatedCall
from billing.ledger.pull.pulls import Certificate, PassedOver
from billing.ledger.pull.quarantine import SetAside
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.paging import read_window
from billing.ports import SourceCall, SourceTotals, UsageSource


@dataclass(slots=True)
class PulledDay:
    """Calls as they were read and rated, and the records that were set aside."""

    pages: int = 0
    readings: list[RatedCall] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)

    def add(self, call: RatedCall | SetAside) -> None:
        """Take in one call as it was rated or set aside."""
        if isinstance(call, SetAside):
            self.set_aside.append(call)
        else:
            self.readings.append(call)

    @staticmethod
    def joined(days: Iterable["PulledDay"]) -> dict[str, RatedCall | SetAside]:
        """Return the calls of several days by their ids, each as it was read last."""
        latest: dict[str, RatedCall | SetAside] = {}
        for day in days:
            latest |= {reading.call.call_id: reading for reading in day.readings}
            latest |= {item.call_id: item for item in day.set_aside}
        return latest


def read_day(
    source: UsageSource,
    rules: AccountRules,
    window: Window,
    period: BillingPeriod,
    now: datetime,
) -> PulledDay:
    """Read and rate every call created in a window; raises SourceFault."""
    reading = read_window(
        source,
        window,
        lambda told: _rate(rules, told, period, now),
        lambda told: _duplicate(rules, told, period, now),
    )
    day = PulledDay(reading.pages)
    for call_id, rated in reading.calls.items():
        if call_id not in reading.duplicates:
            day.add(rated)
    for rated in reading.anonymous.values():
        day.add(rated)
    for duplicate in reading.duplicates.values():
        day.add(duplicate)
    return day


def rate_calls(
    rules: AccountRules,
    calls: Iterable[SourceCall],
    period: BillingPeriod,
    now: datetime,
) -> PulledDay:
    """Rate calls that were read; set aside what cannot be understood."""
    day = PulledDay()
    for told in calls:
        day.add(_rate(rules, told, period, now))
    return day


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


@dataclass(slots=True)
class PullCounts:
    """Where each call of a pull went; a call counts once, as it was read last."""

    period: BillingPeriod
    pages: int = 0
    outcomes: dict[str, str | None] = field(default_factory=dict)
    passed_over: dict[str, RatedCall] = field(default_factory=dict)
    quarantined: dict[str, SetAside] = field(default_factory=dict)
    withheld: Counter[Withheld] = field(default_factory=Counter)
    overruled: set[str] = field(default_factory=set)  # a person had decided on them
    unmet_minutes: int = 0  # billed, and no longer at the source as it was

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.outcomes or call_id in self.quarantined

    def understood(self, call_id: str) -> bool:
        """Say whether a call was read, and is neither held nor in quarantine."""
        return call_id in self.outcomes

    def add(self, day: PulledDay) -> None:
        """Count a day's calls."""
        self.pages += day.pages
        for reading in day.readings:
            outcome: str | None = reading.not_billable
            self._forget(reading.call.call_id)
            if reading.period != self.period:
                outcome = NotBillable.OTHER_MONTH
                self.passed_over[reading.call.call_id] = reading
            self.outcomes[reading.call.call_id] = outcome
            self.withheld.update(reading.metadata.withheld)
        for item in day.set_aside:
            self._forget(item.call_id)
            self.quarantined[item.call_id] = item

    def hold(self, held: Iterable[HeldCall]) -> None:
        """Count calls as held that were counted as understood."""
        for each in held:
            item = each.item
            self._forget(item.call_id)
            self.quarantined[item.call_id] = item

    def _forget(self, call_id: str) -> None:
        """Count a call that is read again as it was read last."""
        self.outcomes.pop(call_id, None)
        self.passed_over.pop(call_id, None)
        self.quarantined.pop(call_id, None)

    def _other_months(self) -> dict[str, PassedOver]:
        by_month: dict[BillingPeriod, list[RatedCall]] = defaultdict(list)
        for reading in self.passed_over.values():
            by_month[reading.period].append(reading)
        return {
            str(month): PassedOver(
                calls=len(readings),
                billed_here=not any(each.before_first_period for each in readings),
                first_at=min(filter(None, (r.call.placed_at for r in readings))),
                last_at=max(filter(None, (r.call.placed_at for r in readings))),
            )
            for month, readings in sorted(by_month.items())
        }

    def certificate(
        self,
        source: SourceTotals,
        ledger_minutes: int,
        looked_back_to: datetime | None = None,
    ) -> Certificate:
        """Return the certificate: fetched = billed + not billable + quarantined."""
        outcomes = Counter(self.outcomes.values())
        billed = outcomes.pop(None, 0)
        return Certificate(
            pages=self.pages,
            billed=billed,
            not_billable={str(reason): n for reason, n in outcomes.items()},
            quarantined=Counter(item.reason for item in self.quarantined.values()),
            source_call_count=source.call_count,
            source_minutes=source.billed_minutes,
            ledger_minutes=ledger_minutes,
            withheld={why.value: n for why, n in self.withheld.items()},
            passed_over=self._other_months(),
            looked_back_to=looked_back_to,
            overruled=tuple(sorted(self.overruled)),
        )
