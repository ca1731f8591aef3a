"""The database goes: full, locked, stopped; sending stops first, and later goes on."""

import signal
import time
from typing import Any

import pytest

from tests.crash.matrix import Ground
from tests.crash.processes.databases import POSTGRESQL, SQLITE
from tests.crash.processes.scene import CLEAN, scene
from tests.crash.processes.world import CUSTOMERS

STOP: dict[str, Any] = {"sign": signal.SIGSTOP}
BETWEEN_SENDS = "attempt: after commit"
STAGED = "staging: after commit"
MOST_PAGES_MORE = 60


def test_a_full_disk_stops_sending_first_and_leaves_nothing_half_done(
    place: Ground,
) -> None:
    with scene(place, SQLITE) as here:
        ends: list[int] = []
        [(pages,)] = here.ask("SELECT page_count FROM pragma_page_count()")
        assert isinstance(pages, int)
        for more in range(0, MOST_PAGES_MORE, 10):
            code, output = here.run(most_pages=pages + more)
            ends.append(code)
            assert "Traceback" not in output
            if code == 1:
                assert "make room on the disk" in output
            balance = here.world.balance(here.ledger_url)
            assert (balance.doubled, balance.faults) == (0, ())
        assert ends[0] == 1
        assert ends[-1] == 0
        assert here.finish() == CLEAN


def test_a_locked_ledger_is_waited_for_and_nothing_is_sent_meanwhile(
    place: Ground,
) -> None:
    with scene(place, SQLITE) as here:
        victim = here.start(point=STAGED, busy_milliseconds=300, **STOP)
        victim.wait_until_stopped()
        other = here.plain_connection()
        other.execute("BEGIN IMMEDIATE")
        victim.send(signal.SIGCONT)
        assert victim.wait() == 1
        assert "is locked" in victim.output
        assert here.world.sends() == []
        other.execute("ROLLBACK")
        other.close()
        assert here.finish() == CLEAN


def test_a_ledger_that_is_locked_for_a_moment_costs_only_that_moment(
    place: Ground,
) -> None:
    with scene(place, SQLITE) as here:
        victim = here.start(point=STAGED, **STOP)
        victim.wait_until_stopped()
        other = here.plain_connection()
        other.execute("BEGIN IMMEDIATE")
        victim.send(signal.SIGCONT)
        time.sleep(0.5)
        other.close()
        assert victim.wait() == 0, victim.output
        assert here.finish() == CLEAN


@pytest.mark.parametrize(
    ("point", "nth"), [(BETWEEN_SENDS, 2), (STAGED, 1), ("answer: begun", 2)]
)
def test_a_server_that_crashes_in_mid_run_loses_and_doubles_nothing(
    place: Ground, point: str, nth: int
) -> None:
    with scene(place, POSTGRESQL) as here:
        victim = here.start(point=point, nth=nth, **STOP)
        victim.wait_until_stopped()
        place.databases.server.kill()
        sent = len(here.world.sends())
        victim.send(signal.SIGCONT)
        assert victim.wait() == 1
        assert "Traceback" not in victim.output
        # What was under way when the server went may have arrived; nothing else left.
        assert len(here.world.sends()) <= sent + len(CUSTOMERS)
        place.databases.server.start()
        assert here.finish() == CLEAN
