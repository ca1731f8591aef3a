"""A small part of the kill matrix; `python -m tests.crash` is the whole of it."""

import random

import pytest

from tests.crash.matrix import AT_RANDOM, Ground, Row, kill_in_a_row
from tests.crash.processes.databases import KINDS
from tests.crash.processes.points import LOST_ANSWER, POINTS


@pytest.mark.parametrize("database", KINDS)
def test_a_kill_at_every_named_step_loses_and_doubles_no_minute(
    place: Ground, database: str
) -> None:
    points = [*POINTS, AT_RANDOM]
    random.Random(database).shuffle(points)
    row = Row(point="every step", database=database)
    kill_in_a_row(place, row, points)
    assert row.kills == len(points)
    assert (row.lost, row.doubled, row.faults) == (0, 0, [])
    assert row.twins > 0, "no answer was ever lost"


def test_an_event_whose_answer_died_with_its_reader_is_sent_again_and_refused(
    place: Ground,
) -> None:
    row = Row(point="unread", database=KINDS[0])
    kill_in_a_row(place, row, [LOST_ANSWER] * 2)
    assert row.good
    assert row.twins >= row.kills == 2
