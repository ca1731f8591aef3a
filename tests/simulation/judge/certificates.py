"""Certificates: a pull that says it is complete has read what was there all along."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from billing.domain.period import BillingPeriod
from tests.simulation.judge.identities import Identities
from tests.simulation.judge.ledger_view import (
    CallRow,
    LedgerView,
    as_posted,
    owned,
    rated,
)
from tests.simulation.trace import Trace, Violation
from tests.simulation.world.machine import Machine
from tests.simulation.world.pamela import OVER, SimCall, SimPamela


class _Due(NamedTuple):
    """A call that a pull has to bring, as it was listed and billed when it began."""

    call: SimCall
    bills: int
    listed_at: datetime


@dataclass(frozen=True, slots=True)
class _Promise:
    """What a pull that began has to bring."""

    pamela: SimPamela
    account: str
    period: BillingPeriod
    calls: tuple[_Due, ...]


class Certificates:
    """Holds each pull to what stood in the list from its start to its end."""

    def __init__(
        self,
        view: LedgerView,
        owners: Mapping[str, str],
        trace: Trace,
        *,
        alone: bool,
    ) -> None:
        self._view = view
        self._owners = owners
        self._trace = trace
        self._alone = alone
        self._identities = Identities()
        self._promises: dict[int, _Promise] = {}
        self._judged: set[int] = set()

    def begin_anew(self) -> None:
        """Judge the pulls of another ledger, or of an older state of this one."""
        self._identities = Identities()
        self._promises.clear()
        self._judged.clear()
        self._judged |= {pull.id for pull in self._view.pulls()}

    def judge(self, machine: Machine) -> None:
        """Look at the pulls that began or ended in the last commit."""
        for pull in self._view.pulls():
            if pull.id in self._judged:
                continue
            if pull.state == "running":
                if pull.id not in self._promises:
                    low = datetime.fromisoformat(pull.window_start)
                    high = datetime.fromisoformat(pull.window_end)
                    period = BillingPeriod.parse(pull.period)
                    pamela = machine.reads_of[pull.account]
                    assert isinstance(pamela, SimPamela)
                    self._identities.judge(machine, pull.account, pamela)
                    due = self._due(pamela, period, low, high)
                    self._promises[pull.id] = _Promise(
                        pamela=pamela,
                        account=pull.account,
                        period=period,
                        calls=due,
                    )
                continue
            self._judged.add(pull.id)
            self._trace.sometimes(f"a pull is {pull.state}")
            promise = self._promises.pop(pull.id, None)
            if pull.state == "complete" and promise:
                self._judge(promise)

    @staticmethod
    def _due(
        pamela: SimPamela, period: BillingPeriod, low: datetime, high: datetime
    ) -> tuple[_Due, ...]:
        return tuple(
            _Due(call, len(call.billed) - 1, pamela.listed_at(call))
            for call in pamela.calls.values()
            if low <= pamela.listed_at(call) < high
            and call.listed
            and not call.malformed
            and BillingPeriod.of(call.place) == period
        )

    def _judge(self, promise: _Promise) -> None:
        held, aside = self._view.calls(), self._view.quarantined()
        for call, first, listed_at in promise.calls:
            still_there = promise.pamela.calls.get(call.id) is call and call.listed
            place = promise.account, call.id
            if not still_there or call.malformed or place in aside:
                continue
            if BillingPeriod.of(call.place) != promise.period:
                continue
            if promise.pamela.listed_at(call) != listed_at:
                continue  # the list is by the start, and it was dated anew meanwhile
            row = held.get(place)
            if row is None:
                raise Violation("I25", f"{call.id} is in no complete pull's ledger")
            if row.status == "decided" and call.record["status"] not in OVER:
                continue  # nothing that is not over says what it comes to
            if self._alone and not self._says(row, call, first):
                words = f"{call.id} is held as it was before the pull began"
                raise Violation("I25", words)

    def _says(self, row: CallRow, call: SimCall, first: int) -> bool:
        """Whether the row is what the source said at some moment of the pull."""
        said = [as_posted(bill) for bill in call.billed[first:]]
        return owned(rated(row), self._owners) in said
