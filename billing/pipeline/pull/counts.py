"""Counts: where each call of a pull went, and the certificate that says so."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.call import NotBillable
from billing.domain.call_metadata import Withheld
from billing.domain.period import BillingPeriod
from billing.ledger.pull.calls import HeldCall, RatedCall
from billing.ledger.pull.known_readings import KnownReading
from billing.ledger.pull.pulls import Certificate, PassedOver
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.pull.seen_calls import Outcome, PassedMonth, Passing, SeenCalls
from billing.pipeline.pull.part import PulledPart
from billing.ports import SourceTotals


@dataclass(slots=True)
class PullCounts:
    """Where each call of a pull went; a call counts once, as it was read last."""

    period: BillingPeriod
    pages: int = 0
    seen: SeenCalls = field(default_factory=SeenCalls)  # those that were understood
    quarantined: dict[str, SetAside] = field(default_factory=dict)
    withheld: Counter[Withheld] = field(default_factory=Counter)
    overruled: set[str] = field(default_factory=set)  # a person had decided on them
    unmet_minutes: int = 0  # billed, and no longer at the source as it was

    def met(self, call_ids: Iterable[str]) -> set[str]:
        """Return those of some calls that were read, whatever became of them."""
        names = list(call_ids)
        return self.seen.among(names).union(
            name for name in names if name in self.quarantined
        )

    def unread(self, call_ids: Iterable[str]) -> list[str]:
        """Return those of some calls that were not read."""
        names = list(call_ids)
        met = self.met(names)
        return [name for name in names if name not in met]

    def understood(self, call_ids: Iterable[str]) -> set[str]:
        """Return those that were read, and are neither held nor in quarantine."""
        return self.seen.among(call_ids)

    def add(self, part: PulledPart) -> None:
        """Count a part's calls."""
        self.pages += part.pages
        month = str(self.period)
        outcomes: dict[str, Outcome] = {
            known.call_id: known.not_billable
            if known.period == month
            else _passing(known)
            for known in part.unchanged
        }
        for reading in part.readings:
            outcomes[reading.call.call_id] = self._outcome(reading)
            self.withheld.update(reading.metadata.withheld)
        if self.quarantined:
            for name in self.quarantined.keys() & outcomes.keys():
                del self.quarantined[name]
        self.seen.put(outcomes)
        self._set_aside(part.set_aside)

    def hold(self, held: Iterable[HeldCall]) -> None:
        """Count calls as held that were counted as understood."""
        self._set_aside([each.item for each in held])

    def _set_aside(self, items: list[SetAside]) -> None:
        self.seen.drop([item.call_id for item in items])
        self.quarantined.update((item.call_id, item) for item in items)

    def _outcome(self, reading: RatedCall) -> Outcome:
        if reading.period == self.period:
            return reading.not_billable
        placed_at = reading.call.placed_at
        moment = placed_at.isoformat() if placed_at else None
        return Passing(str(reading.period), moment, reading.before_first_period)

    def certificate(
        self,
        source: SourceTotals,
        ledger_minutes: int,
        looked_back_to: datetime | None = None,
    ) -> Certificate:
        """Return the certificate: fetched = billed + not billable + quarantined."""
        outcomes, months = self.seen.reasons(), self.seen.months()
        billed = outcomes.pop(None, 0)
        if months:
            passed_over = sum(each.calls for each in months)
            outcomes[NotBillable.OTHER_MONTH] += passed_over
        return Certificate(
            pages=self.pages,
            billed=billed,
            not_billable={str(reason): n for reason, n in outcomes.items()},
            quarantined=Counter(item.reason for item in self.quarantined.values()),
            source_call_count=source.call_count,
            source_minutes=source.billed_minutes,
            ledger_minutes=ledger_minutes,
            withheld={why.value: n for why, n in self.withheld.items()},
            passed_over={each.month: _passed_over(each) for each in months},
            looked_back_to=looked_back_to,
            overruled=tuple(sorted(self.overruled)),
        )


def _passing(known: KnownReading) -> Passing:
    placed_at = known.placed_at
    moment = placed_at if isinstance(placed_at, str) else placed_at.isoformat()
    is_before = known.not_billable == NotBillable.BEFORE_FIRST_PERIOD
    return Passing(known.period, moment, is_before)


def _passed_over(passed: PassedMonth) -> PassedOver:
    first, last = passed.first_at, passed.last_at
    if first is None or last is None:
        raise RuntimeError("a call of another month says when it was placed")
    return PassedOver(
        calls=passed.calls,
        billed_here=not passed.before_first_period,
        first_at=datetime.fromisoformat(first),
        last_at=datetime.fromisoformat(last),
    )
