"""A copied ledger: one forgotten in a cron table, which sends what the first one sends.

It begins with the memory that the first one had at a moment; from there on each knows
only what it does itself.
"""

from copy import copy
from dataclasses import replace

from tests.simulation.judge.certificates import Certificates
from tests.simulation.judge.contacts import Contacts
from tests.simulation.judge.judge import Judge
from tests.simulation.judge.ledger_view import LedgerView
from tests.simulation.world.daemons import Daemon
from tests.simulation.world.machine import LockTable
from tests.simulation.world.world import World


def copy_ledger(world: World) -> None:
    """Let a copy of the ledger work beside it, on the same meter."""
    beside = copy(world)
    beside.storage = world.storage.beside
    beside.storage.schedule = world.schedule
    beside.view = LedgerView(beside.storage.put(world.storage.back_up()))
    beside.locks = LockTable()
    beside.memory = None
    certificates = Certificates(
        beside.view, world.settings.owners, world.trace, alone=False
    )
    beside.judge = Judge(
        world.stripe, beside.view, world.weather, certificates, world.settings.owners
    )
    beside.judge.contacts = _as_known(world.judge.contacts, beside.view)
    beside.judge.relax()
    beside.judge.holds = dict.fromkeys(beside.view.held_customers(), world.schedule.now)
    world.judge.relax()
    world.stripe.is_shared = True
    world.schedule.note("a copy of the ledger runs on")
    world.trace.sometimes("a copy of the ledger runs on")
    cron = Daemon(beside, "C")
    world.beside.append(beside)
    world.daemons.append(cron)


def _as_known(contacts: Contacts, view: LedgerView) -> Contacts:
    known = replace(contacts, view=view)
    for name in ("reads", "sent", "known", "events", "excess", "allowed"):
        setattr(known, name, copy(getattr(contacts, name)))
    for place, reads in known.reads.items():
        known.reads[place] = list(reads)
    return known
