"""Days: the unit of a pull; each is read whole, then recorded in one commit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.call import NotBillable, Quarantined, QuarantineReason
from billing.domain.call_metadata import Withheld
from billing.domain.period import BillingPeriod, Window
from billing.ledger.pull.calls import HeldCall, RatedCall
from billing.ledger.pull.pulls import Certificate
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


def read_day(
    source: UsageSource,
    rules: AccountRules,
    window: Window,
    period: BillingPeriod,
    now: datetime,
) -> PulledDay:
    """Read and rate every call created in a window; raises SourceFault."""
    reading = read_window(source, window, lambda told: _rate(rules, told, period, now))
    day = PulledDay(reading.pages)
    for call_id, rated in reading.calls.items():
        if call_id not in reading.duplicates:
            day.add(rated)
    for rated in reading.anonymous:
        day.add(rated)
    for call_id, told in reading.duplicates.items():
        day.add(_duplicate(source.account, call_id, told))
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
            call_id=rated.call_id or f"?{told.sha256[:16]}",
            reason=rated.reason,
            detail=rated.detail,
            source_sha256=told.sha256,
        )
    return rated


def _duplicate(account: str, call_id: str, told: SourceCall) -> SetAside:
    return SetAside(
        account=account,
        call_id=call_id,
        reason=QuarantineReason.DUPLICATE_ID,
        detail="the id stands on two records of one page that say different things",
        source_sha256=told.sha256,
    )


@dataclass(slots=True)
class PullCounts:
    """Where each call of a pull went; a call counts once, as it was read last."""

    period: BillingPeriod
    pages: int = 0
    outcomes: dict[str, str | None] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)
    withheld: Counter[Withheld] = field(default_factory=Counter)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.outcomes or call_id in self.quarantined

    def add(self, day: PulledDay) -> None:
        """Count a day's calls."""
        self.pages += day.pages
        for reading in day.readings:
            outcome: str | None = reading.not_billable
            if reading.period != self.period:
                outcome = NotBillable.OTHER_MONTH
            self.outcomes[reading.call.call_id] = outcome
            self.quarantined.pop(reading.call.call_id, None)
            self.withheld.update(reading.metadata.withheld)
        for item in day.set_aside:
            self.outcomes.pop(item.call_id, None)
            self.quarantined[item.call_id] = item.reason

    def hold(self, held: Iterable[HeldCall]) -> None:
        """Count calls as held that were counted as understood."""
        for each in held:
            call_id = each.rated.call.call_id
            self.outcomes.pop(call_id, None)
            self.quarantined[call_id] = each.hold.reason

    def certificate(self, source: SourceTotals, ledger_minutes: int) -> Certificate:
        """Return the certificate: fetched = billed + not billable + quarantined."""
        outcomes = Counter(self.outcomes.values())
        billed = outcomes.pop(None, 0)
        return Certificate(
            pages=self.pages,
            billed=billed,
            not_billable={str(reason): n for reason, n in outcomes.items()},
            quarantined=Counter(self.quarantined.values()),
            source_call_count=source.call_count,
            source_minutes=source.billed_minutes,
            ledger_minutes=ledger_minutes,
            withheld={why.value: n for why, n in self.withheld.items()},
        )
