"""Ledger storms: the ledger is put back from a backup, or begun anew."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.pipeline.signing import accept_restore
from tests.simulation.world.borders.copied import copy_ledger
from tests.simulation.world.borders.memory import SimMemory
from tests.simulation.world.catalogue import LONG_LAGS, Fault
from tests.simulation.world.machine import HOUR
from tests.simulation.world.world import World

PERSON = "a person"
Later = Callable[[datetime, Callable[[], None]], None]
LAGS = (*LONG_LAGS, Fault.SUMMARY_LAGS, Fault.SUMMARY_REGRESSES)


class LedgerStorms:
    """Lets a person exchange the ledger's file, and accept what came back."""

    def __init__(self, world: World, moment: Callable[[], datetime], later: Later):
        self._world = world
        self._moment = moment
        self._later = later
        self._is_accepted = False
        self._saved = 0  # the newest event of the backup's trail

    def plan(self) -> None:
        """Decide which of it comes, and when."""
        weather, chance = self._world.weather, self._world.chance
        if weather.strikes(Fault.RESTORED):
            self._world.memory = SimMemory()
            first, second = sorted((self._moment(), self._moment()))
            if chance.happens(500):
                # Within the day for which a reading of the meter serves.
                first = self._world.schedule.now + chance.span(HOUR, 8 * HOUR)
                second = first + chance.span(HOUR, 6 * HOUR)
            self._later(first, self._back_up)
            self._later(second, self._restore)
            self._is_accepted = not weather.strikes(Fault.RESTORE_UNACCEPTED)
        elif weather.strikes(Fault.NEW_LEDGER):
            self._later(self._moment(), self._begin_anew)
        elif weather.strikes(Fault.LEDGER_COPIED):
            self._later(self._moment(), partial(copy_ledger, self._world))

    def _back_up(self) -> None:
        self._world.storage.back_up()
        self._world.addresses_saved = dict(self._world.settings.customers)
        ((self._saved,),) = self._world.view.rows("SELECT max(id) FROM audit_event")
        self._world.schedule.note("the ledger is saved")

    def _restore(self) -> None:
        world = self._world
        if world.addresses_saved is not None and not self._is_newer():
            # Nobody puts back what nothing was done to since.
            self._later(world.schedule.now + HOUR, self._restore)
        elif world.addresses_saved is not None:
            world.exchange(world.storage.file.with_name("backup.db"))
            world.restored_at = world.view.rows("SELECT max(id) FROM audit_event")
            world.is_restored = True
            world.schedule.note("the ledger is put back")
            if self._is_accepted:
                chance = world.chance
                soon = chance.span(HOUR / 60, chance.pick((1, 12)) * HOUR)
                self._later(world.schedule.now + soon, self.accept)

    def _is_newer(self) -> bool:
        """Whether a command ended that remembers more than the backup holds."""
        seen = self._world.memory and self._world.memory.last_seen()
        return bool(seen and seen[0] > self._saved)

    def accept(self) -> None:
        """Accept the ledger that was put back."""
        world = self._world
        if world.is_restored and world.memory is not None:
            actor = Actor(PERSON, world.schedule.now)
            ledger = Ledger(world.storage.engine)
            accept_restore(ledger, world.memory, actor, "the disk broke")
            world.is_restored, world.was_accepted = False, True
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
