"""Processes that are stopped, outlived, and wake up in another time."""

import signal
import time
from typing import Any

import pytest

from billing.gateways.clocks import RemoteClock
from billing.sandbox.faults import Fault, FaultKind
from tests.crash.matrix import Ground
from tests.crash.processes.databases import KINDS, POSTGRESQL, SQLITE
from tests.crash.processes.scene import CLEAN, Scene, scene
from tests.crash.processes.world import CUSTOMERS

STOP: dict[str, Any] = {"sign": signal.SIGSTOP}
ABOUT_TO_SEND = "request: nothing sent"
WRITTEN_DOWN = "attempt: after commit"
HALF_SENT = "request: half of it sent"
ONE = CUSTOMERS[:1]
TEN_MINUTES, A_DAY_AND_AN_HOUR = 600, 25 * 3_600


@pytest.mark.parametrize("point", [WRITTEN_DOWN, ABOUT_TO_SEND, HALF_SENT])
def test_a_zombie_whose_lock_was_lost_sends_nothing_and_moves_nothing(
    place: Ground, point: str
) -> None:
    # With one customer, so that no other thread is just between question and write.
    with scene(place, POSTGRESQL, talkers=ONE) as here:
        zombie = here.start(point=point, nth=2, **STOP)
        zombie.wait_until_stopped()
        assert here.end_sessions() > 0
        here.world.sandbox.clock.advance(TEN_MINUTES)
        code, output = here.run()
        assert code == 0, output
        sent, outbox = len(here.world.sends()), here.outbox()
        assert here.world.balance(here.ledger_url) == CLEAN

        zombie.send(signal.SIGCONT)
        zombie.wait()
        assert len(here.world.sends()) == sent, zombie.output
        assert here.outbox() == outbox
        assert "Traceback" not in zombie.output
        assert here.finish() == CLEAN


@pytest.mark.parametrize("database", KINDS)
def test_who_sleeps_a_day_resends_nothing_whose_outcome_is_unknown(
    place: Ground, database: str
) -> None:
    with scene(place, database, hours=1, talkers=ONE) as here:
        lost = Fault(
            kind=FaultKind.DROP_AFTER, endpoint="stripe.meter_events.create", count=1
        )
        here.world.sandbox.faults.replace_all([lost])
        sleeper = here.start(point=ABOUT_TO_SEND, nth=2, **STOP)
        sleeper.wait_until_stopped()
        assert states(here) == {("pending", None)}
        here.world.sandbox.clock.advance(A_DAY_AND_AN_HOUR)
        # It believes the sandbox's clock for a moment before it asks again.
        time.sleep(2 * RemoteClock.FRESH_SECONDS)
        sleeper.send(signal.SIGCONT)
        sleeper.wait()
        # By now Stripe may have forgotten the identifier, and would count it again.
        assert len(here.world.sends()) == 1, sleeper.output
        assert here.finish() == CLEAN
        assert len(here.world.sends()) == 1
        assert states(here) == {("synced", None)}


def test_on_sqlite_nobody_takes_over_from_a_sleeper(place: Ground) -> None:
    with scene(place, SQLITE, talkers=ONE) as here:
        sleeper = here.start(point=ABOUT_TO_SEND, **STOP)
        sleeper.wait_until_stopped()
        code, output = here.run()
        assert code == 2, output
        assert "another pamela-billing process is at work" in output
        sleeper.send(signal.SIGCONT)
        assert sleeper.wait() == 0
        assert here.finish() == CLEAN


def states(here: Scene) -> set[tuple[object, ...]]:
    return {(state, reason) for _, state, reason, *_ in here.outbox()}
