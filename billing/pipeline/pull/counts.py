"""Counts: where each call of a pull went, and the certificate that says so."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from billing.domain.call import NotBillable
from billing.domain.call_metadata import Withheld
from billing.domain.period import BillingPeriod
from billing.ledger.pull.calls import HeldCall
from billing.ledger.pull.known_readings import KnownReading
from billing.ledger.pull.pulls import Certificate, PassedOver
from billing.ledger.pull.quarantine import SetAside
from billing.pipeline.pull.part import PulledPart
from billing.ports import SourceTotals


class _Passing(NamedTuple):
    """A call of another month than the one that is pulled."""

    period: BillingPeriod
    placed_at: datetime | None
    before_first_period: bool


def _passing(known: KnownReading) -> _Passing:
    placed_at = known.placed_at
    if isinstance(placed_at, str):
        placed_at = datetime.fromisoformat(placed_at)
    is_before = known.not_billable == NotBillable.BEFORE_FIRST_PERIOD
    return _Passing(BillingPeriod.parse(known.period), placed_at, is_before)


@dataclass(slots=True)
class PullCounts:
    """Where each call of a pull went; a call counts once, as it was read last."""

    period: BillingPeriod
    pages: int = 0
    outcomes: dict[str, str | None] = field(default_factory=dict)
    passed_over: dict[str, _Passing] = field(default_factory=dict)
    quarantined: dict[str, SetAside] = field(default_factory=dict)
    withheld: Counter[Withheld] = field(default_factory=Counter)
    overruled: set[str] = field(default_factory=set)  # a person had decided on them
    unmet_minutes: int = 0  # billed, and no longer at the source as it was

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.outcomes or call_id in self.quarantined

    def understood(self, call_id: str) -> bool:
        """Say whether a call was read, and is neither held nor in quarantine."""
        return call_id in self.outcomes

    def add(self, part: PulledPart) -> None:
        """Count a part's calls."""
        self.pages += part.pages
        month = str(self.period)
        for reading in part.readings:
            self._forget(reading.call.call_id)
            if reading.period == self.period:
                self.outcomes[reading.call.call_id] = reading.not_billable
            else:
                passing = _Passing(
                    reading.period,
                    reading.call.placed_at,
                    reading.before_first_period,
                )
                self._pass_over(reading.call.call_id, passing)
            self.withheld.update(reading.metadata.withheld)
        for item in part.set_aside:
            self._forget(item.call_id)
            self.quarantined[item.call_id] = item
        for known in part.unchanged:
            if known.call_id in self:
                self._forget(known.call_id)
            if known.period == month:
                self.outcomes[known.call_id] = known.not_billable
            else:
                self._pass_over(known.call_id, _passing(known))

    def _pass_over(self, call_id: str, passing: _Passing) -> None:
        """Count a call as one of another month."""
        self.passed_over[call_id] = passing
        self.outcomes[call_id] = NotBillable.OTHER_MONTH

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
        by_month: dict[BillingPeriod, list[_Passing]] = defaultdict(list)
        for reading in self.passed_over.values():
            by_month[reading.period].append(reading)
        return {
            str(month): PassedOver(
                calls=len(readings),
                billed_here=not any(each.before_first_period for each in readings),
                first_at=min(filter(None, (each.placed_at for each in readings))),
                last_at=max(filter(None, (each.placed_at for each in readings))),
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
