"""People: who holds the sending, lets it go on, and decides about foreign minutes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from billing.domain.break_groups import TOO_MUCH
from billing.domain.period import hour_of
from billing.errors import BillingError
from billing.ledger.reconcile.case_list import CaseFilter, list_cases
from billing.pipeline.reconcile.acknowledge import acknowledge_breaks
from billing.pipeline.sync.operator_actions import (
    hold_sending,
    release_sending,
)
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import HOUR
from tests.simulation.world.world import World

MINUTE = timedelta(minutes=1)
PERSON = "a person"
Later = Callable[[datetime, Callable[[], None]], None]


class People:
    """The person at the desk: at once, late, or never."""

    def __init__(self, world: World, moment: Callable[[], datetime], later: Later):
        self._world = world
        self._moment = moment
        self._later = later
        self._holds_stay = world.weather.strikes(Fault.HOLD_STAYS)

    def plan(self) -> None:
        """Decide what the person does, and when."""
        world = self._world
        for _ in range(2):
            if world.weather.strikes(Fault.HELD):
                names = [None, *sorted(world.settings.customers)]
                customer = world.chance.pick(names)
                begins = self._moment()
                if world.chance.happens(500):
                    # While a sync is at work, which begins at the top of an hour.
                    begins = hour_of(begins) + world.chance.span(MINUTE / 30, MINUTE)
                if world.chance.happens(300):
                    # While a request of a sync that is at work waits for an answer.
                    hold = partial(self._hold, customer)
                    world.stripe.on_time_out.append(hold)
                else:
                    self._later(begins, partial(self._hold, customer))
                if world.chance.happens(300):
                    # Another one, which outlives the first.
                    other = world.chance.pick(names)
                    self._later(begins, partial(self._hold, other))
                if world.chance.happens(700) and not self._holds_stay:
                    ends = begins + world.chance.span(HOUR / 6, 12 * HOUR)
                    self._later(ends, partial(self._release, customer))
        if world.weather.strikes(Fault.PERSON_ADOPTS):
            for _ in range(world.chance.pick((2, 5, 20))):
                self._later(self._moment(), self.acknowledge)

    def _hold(self, customer: str | None) -> None:
        world = self._world
        ledger, now = world.ledger(), world.schedule.now
        try:
            hold_sending(ledger, PERSON, now, customer, "a wrong price")
        except BillingError as fault:
            world.schedule.note(f"not held: {fault}")
            return
        world.schedule.note(f"holds {customer or 'all'}")
        world.judge.holds[customer] = now
        world.trace.sometimes("a person holds the sending")

    def _release(self, customer: str | None) -> None:
        world = self._world
        if customer in world.judge.holds and not world.is_restored:
            del world.judge.holds[customer]
            ledger, now = world.ledger(), world.schedule.now
            release_sending(ledger, PERSON, now, customer, "")
            world.schedule.note(f"releases {customer or 'all'}")

    def release_all(self) -> None:
        """Lift every hold, unless somebody forgot them."""
        if self._holds_stay:
            return
        for customer in list(self._world.judge.holds):
            self._release(customer)

    def acknowledge(self) -> None:
        """Let our minutes be sent beside those that somebody else reported.

        The person looks first: what this program itself has sent, with another ledger,
        is nobody else's.
        """
        world = self._world
        ledger = world.ledger()
        with ledger.reading() as connection:
            cases = list_cases(connection, CaseFilter())
        for case in [] if world.is_restored else cases:
            if case.cause in TOO_MUCH and case.acknowledged_at is None:
                owner, month = world.settings.owners[str(case.customer)], case.period
                if case.minutes > world.stripe.foreign_minutes(owner, str(month)):
                    continue
                now = world.schedule.now
                acknowledge_breaks(ledger, PERSON, now, [case.number], "it is theirs")
                world.schedule.note(f"lets {case.minutes} of {case.customer} be")
                world.trace.sometimes("a person lets foreign minutes be")
                world.judge.contacts.allow(owner, str(month), case.number, case.minutes)
