"""Decider: a person who says what calls come to that nobody can read."""

from datetime import datetime

from billing.domain.call import QuarantineReason
from billing.errors import BillingError
from billing.ledger.pull.unclear_calls import UnclearCall, unclear_calls
from billing.pipeline.pull.decide_call import DecisionOrder, decide_call
from tests.simulation.judge.ledger_view import (
    AccountCall,
    CallRow,
    Posted,
    owned,
    rated,
)
from tests.simulation.trace import Violation
from tests.simulation.world.chance import Chance
from tests.simulation.world.pamela import OVER, SimCall
from tests.simulation.world.world import World

PERSON = "a person"
# Here another question is open: whose the call is.
NOT_DECIDED = {QuarantineReason.ID_REUSED, QuarantineReason.CALL_IN_TWO_ACCOUNTS}


class Decider:
    """The person: whether there is one, and how often, is the seed's; with own dice."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = Chance(f"decides {seed}")
        self._per_mille = self._chance.pick((0, 500, 900))
        self.said: dict[str, list[Posted]] = {}
        self.meant: dict[AccountCall, datetime] = {}

    def look(self) -> None:
        """Decide on a call that nobody can read, or on one that was decided before."""
        world = self._world
        if world.is_restored or not self._chance.happens(self._per_mille):
            return
        ledger, now = world.ledger(), world.schedule.now
        with ledger.reading() as connection:
            found = unclear_calls(connection, now)
        unclear = [each for each in found if self._is_decided(each)]
        if unclear:
            self._decide(self._chance.pick(unclear))

    def _is_decided(self, unclear: UnclearCall) -> bool:
        """Whether the person knows which call is meant."""
        if unclear.reason in NOT_DECIDED:
            return False
        return unclear.created_at is not None or len(self._of_id(unclear)) == 1

    def _of_id(self, unclear: UnclearCall) -> list[datetime]:
        """Return when the calls of this id were truly created, each once."""
        calls = [*self._world.present_calls(), *self._world.gone_calls()]
        return [call.created for call in calls if call.id == unclear.call_id]

    def _decide(self, unclear: UnclearCall) -> None:
        world = self._world
        began = unclear.started_at or unclear.created_at
        payer = unclear.customer or self._payer()
        seconds = self._chance.pick((None, 0, 61, 600))
        order = DecisionOrder(
            call_id=unclear.call_id,
            seconds=seconds,
            reason="Pamela will not mend it",
            account=unclear.account,
            started_at=None if seconds is None else began,
            customer=None if seconds is None else payer,
        )
        ledger, now = world.ledger(), world.schedule.now
        try:
            report = decide_call(
                ledger, PERSON, now, order, first_period=world.first_period
            )
        except BillingError as fault:
            world.schedule.note(f"not decided: {fault}")
            return
        decision = report.decision
        world.schedule.note(f"decides {decision.call_id}: {decision.seconds} s")
        world.trace.sometimes(
            "a person decides on a call"
            if decision.revision == 1
            else "a person decides on a call that was read, or decided, before"
        )
        place = decision.account, decision.call_id
        row = world.view.calls()[place]
        if row.created_at is None:
            [self.meant[place]] = self._of_id(unclear)
            world.trace.sometimes("a person decides on a call that nothing dates")
        self.said.setdefault(decision.call_id, []).append(rated(row))

    def _payer(self) -> str:
        return self._chance.pick(sorted(self._world.settings.customers))


def decided_bill(world: World, call: SimCall) -> Posted | None:
    """Return what stands of a call by a decision, by who each customer truly is.

    None where its source decides: a decision holds until the call is over and can be
    read; then it must not.
    """
    rows = [row for row in world.view.calls().values() if _is_of(world, row, call)]
    decided = [row for row in rows if row.status == "decided"]
    if not decided:
        return None
    bills = [rated(row) for row in decided]
    # Where it stands in two accounts, one of them bills it at the most.
    bill, said = call.bill(), next(filter(None, bills), bills[-1])
    if not said and len(rows) > len(decided):
        return None  # that it is not billed in one account hinders no other
    if said not in world.decider.said.get(call.id, ()):
        raise Violation("I44", f"{call.id} is billed as nobody decided: {said}")
    settings = world.settings
    known = bill is None or settings.name_of(bill.customer) in settings.customers
    billed_here = call.place >= world.first_period.start
    is_over = call.record["status"] in OVER
    if is_over and known and billed_here and world.is_certain(call):
        raise Violation("I44", f"{call.id} can be read, and is billed as was decided")
    return owned(said, settings.owners)


def _is_of(world: World, row: CallRow, call: SimCall) -> bool:
    """Whether a row is of this call, and of no other with its id."""
    if row.call_id != call.id:
        return False
    if row.created_at is None:
        return world.decider.meant[row.account, row.call_id] == call.created
    return datetime.fromisoformat(row.created_at) == call.created
