"""Ledger storms: the ledger is put back from a backup, or begun anew."""

from collections.abc import Callable
from datetime import datetime

from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.pipeline.signing import accept_restore
from tests.simulation.world.borders.memory import SimMemory
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import HOUR
from tests.simulation.world.world import World

PERSON = "a person"
Later = Callable[[datetime, Callable[[], None]], None]
LAGS = (Fault.SUMMARY_LAGS, Fault.SUMMARY_LAGS_LONG, Fault.SUMMARY_REGRESSES)


class LedgerStorms:
    """Lets a person exchange the ledger's file, and accept what came back."""

    def __init__(self, world: World, moment: Callable[[], datetime], later: Later):
        self._world = world
        self._moment = moment
        self._later = later

    def plan(self) -> None:
        """Decide which of it comes, and when."""
        weather, chance = self._world.weather, self._world.chance
        if weather.strikes(Fault.RESTORED):
            self._world.memory = SimMemory()
            first, second = sorted((self._moment(), self._moment()))
            self._later(first, self._back_up)
            self._later(second, self._restore)
            if not weather.strikes(Fault.RESTORE_UNACCEPTED):
                soon = chance.span(HOUR / 60, chance.pick((1, 12)) * HOUR)
                self._later(second + soon, self.accept)
        elif weather.strikes(Fault.NEW_LEDGER):
            self._later(self._moment(), self._begin_anew)

    def _back_up(self) -> None:
        self._world.storage.back_up()
        self._world.addresses_saved = dict(self._world.settings.customers)
        self._world.schedule.note("the ledger is saved")

    def _restore(self) -> None:
        world = self._world
        if world.addresses_saved is not None:
            world.exchange(world.storage.file.with_name("backup.db"))
            world.restored_at = world.view.rows("SELECT max(id) FROM audit_event")
            seen = world.memory and world.memory.last_seen()
            # What no command ended to remember, nobody can miss.
            world.is_restored = bool(seen and seen[0] > world.restored_at[0][0])
            world.schedule.note("the ledger is put back")

    def accept(self) -> None:
        """Accept the ledger that was put back."""
        world = self._world
        if world.is_restored and world.memory is not None:
            actor = Actor(PERSON, world.schedule.now)
            ledger = Ledger(world.storage.engine)
            accept_restore(ledger, world.memory, actor, "the disk broke")
            world.is_restored = False
            world.judge.contacts.begin_anew()
            world.trace.sometimes("a person accepts a restored ledger")

    def _begin_anew(self) -> None:
        """Begin with nothing; perhaps with a statement that is not true.

        A new ledger cannot know of an address at Stripe that a customer had before, so
        customers keep theirs from here on.
        """
        world = self._world
        present = set(world.settings.customers.values())
        if {taken.customer for taken in world.stripe.counting()} - present:
            return
        world.keeps_addresses = True
        world.schedule.note("a new ledger begins")
        world.trace.sometimes("a new ledger begins")
        world.exchange(world.storage.empty)
        world.judge.contacts.begin_anew()
        world.judge.contacts.is_sole = False
        world.register()
        lags = any(world.weather.may_have(fault) for fault in LAGS)
        if not lags and world.chance.happens(300):
            world.state_sole_reporter()
