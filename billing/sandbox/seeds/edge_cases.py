"""Awkward calls: at the month's edge, late, revised, under way; and broken ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, repeat

from billing.sandbox.pamela.call import (
    Call,
    Document,
    call_as_given,
    call_that_ends,
    written,
)
from billing.sandbox.seeds.call_generator import CallGenerator, duration_fields

HOUR = timedelta(hours=1)
SHORT = (0, 1, 59, 60, 61)
LATE_BY_HOURS = (2, 3, 5, 9)
REVISED_BY_SECONDS = (-120, -45, 30, 90, 600)
UNDER_WAY = 2  # calls of each account that are in progress
# What a broken call has instead of a good value.
BROKEN: tuple[Document, ...] = (
    {"duration_seconds": -5},
    {"duration_seconds": "60"},
    {"duration_seconds": 60.5},
    {"duration_seconds": True},
    {"duration_seconds": None},
    {"duration_seconds": 10_000_000_000},
    {"started_at": "2026-02-30T12:00:00Z"},
    {"status": "exploded"},
    {"metadata": "none"},
)


@dataclass(frozen=True)
class Scene:
    """Whose calls these are, and when: nothing changes between `now` and `calm`."""

    generator: CallGenerator
    turns: Iterator[str]
    now: datetime
    calm: datetime

    @property
    def noon(self) -> datetime:
        """Return 15:30 on the last working day before yesterday: an office hour."""
        day = self.now.replace(hour=15, minute=30, second=0, microsecond=0)
        day -= timedelta(days=2)
        while day.weekday() >= 5:
            day -= timedelta(days=1)
        return day

    def talk(self, started: datetime, seconds: int, *, rang: int = 4) -> Document:
        """Return an answered call of the next customer, created `rang` s earlier."""
        created = started - timedelta(seconds=rang)
        return self.generator.answered(next(self.turns), created, started, seconds)


def awkward_calls(
    generator: CallGenerator,
    customers: tuple[str, ...],
    now: datetime,
    quiet: timedelta,
) -> list[Call]:
    """Return an account's awkward calls; none of them changes within `quiet`."""
    scene = Scene(generator, cycle(customers), now, now + quiet)
    short = [call_that_ends(scene.talk(scene.noon, seconds)) for seconds in SHORT]
    return [
        *short,
        *_at_the_edge(scene),
        *_late(scene),
        *_revised(scene),
        *_under_way(scene),
    ]


def broken_calls(generator: CallGenerator, customer: str, now: datetime) -> list[Call]:
    """Return calls with a value that no biller should take, each broken otherwise."""
    scene = Scene(generator, repeat(customer), now, now)
    naive: Document = {"started_at": scene.noon.replace(tzinfo=None).isoformat()}
    calls = []
    for wrong in (*BROKEN, naive):
        document = scene.talk(scene.noon, 60)
        document.update(wrong)
        call_id = str(document["id"])
        calls.append(
            call_as_given(call_id, document, created=scene.noon, opens=scene.noon)
        )
    return calls


def _at_the_edge(scene: Scene) -> list[Call]:
    """Return calls that a month's edge cuts: before the answer, or after it."""
    edge = scene.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    earlier = (edge - timedelta(days=1)).replace(day=1)
    calls = [
        scene.talk(earlier + timedelta(seconds=5), 75, rang=25),
        scene.talk(edge + timedelta(seconds=5), 75, rang=25),
        scene.talk(edge - timedelta(milliseconds=500), 130),
    ]
    over = (call for call in calls if str(call["ended_at"]) < written(scene.now))
    return [call_that_ends(call) for call in over]


def _late(scene: Scene) -> list[Call]:
    """Return calls that were seen, or will be seen, hours after they ended."""
    calls = []
    for hours in LATE_BY_HOURS:
        past = scene.talk(scene.noon, 100)
        seen = scene.noon + timedelta(hours=hours)
        calls.append(call_that_ends(past, opens=seen))
        coming = scene.talk(scene.now - HOUR, 150)
        calls.append(call_that_ends(coming, opens=scene.calm + timedelta(hours=hours)))
    return calls


def _revised(scene: Scene) -> list[Call]:
    """Return calls whose duration was corrected, or will be, up or down."""
    calls = []
    for seconds in REVISED_BY_SECONDS:
        for started, at in (
            (scene.noon, scene.noon + 4 * HOUR),
            (scene.now - HOUR, scene.calm + HOUR),
        ):
            document = scene.talk(started, 180)
            right = duration_fields(started, 180 + seconds)
            calls.append(call_that_ends(document, revisions=[(at, right)]))
    return calls


def _under_way(scene: Scene) -> list[Call]:
    """Return calls in progress now, which end when the calm is over."""
    calls = []
    for number in range(1, UNDER_WAY + 1):
        started = scene.now - timedelta(minutes=5 + number)
        ended = scene.calm + timedelta(minutes=number)
        calls.append(call_that_ends(scene.talk(started, (ended - started).seconds)))
    return calls
