"""Two daemons: on PostgreSQL one goes on when the other dies, on SQLite one stops."""

from datetime import timedelta

import pytest

from tests.crash.daemons import kill_one_of_two, refuse_a_second
from tests.crash.matrix import Ground
from tests.crash.processes.databases import POOLED, POSTGRESQL, SQLITE
from tests.crash.processes.scene import CLEAN
from tests.surroundings.pooler import needs_pooler

AT_ONCE = timedelta(seconds=20)


@pytest.mark.parametrize(
    "database", [POSTGRESQL, pytest.param(POOLED, marks=needs_pooler)]
)
def test_when_one_of_two_daemons_is_killed_the_other_goes_on_at_once(
    place: Ground, database: str
) -> None:
    duo = kill_one_of_two(place, database)
    assert duo.balance == CLEAN
    assert len(set(duo.minutes.values())) == 1
    assert duo.unanswered, "the kill met no request under way"
    # Its customers are worked on in this hour's cycle, none is left for the next.
    assert {attempt.customer for attempt in duo.unanswered} <= set(duo.taken_over)
    assert max(duo.taken_over.values()) < AT_ONCE


def test_on_sqlite_a_second_daemon_says_so_and_stops(place: Ground) -> None:
    code, words = refuse_a_second(place, SQLITE)
    assert code == 2
    assert "another pamela-billing process is at work" in words
