"""A line of parts: read side by side by a pool that many share, handed out in order."""

from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from billing.domain.period import Window
from billing.pipeline.pull.paging import WindowReading, WindowWalk

T = TypeVar("T")
# The parts of a window hold what it does; a list that moves may come to some more.
MOST_GROWTH = 1_000


class ReadPart(NamedTuple, Generic[T]):
    """Some of what was read, and the part of the window that it is of."""

    reading: WindowReading[T]
    window: Window


@dataclass(slots=True)
class _Cut:
    """A walk that was cut: how many calls its parts may hold, and hold so far."""

    most: int
    told: int = 0


@dataclass(slots=True)
class _Place(Generic[T]):
    """A walk's place in the line, and its step that is being taken."""

    walk: WindowWalk[T]
    cut_from: _Cut | None = None
    counted: bool = False
    step: "Future[WindowReading[T] | list[WindowWalk[T]]] | None" = None


@dataclass(slots=True)
class PartLine(Generic[T]):
    """Walks in the order of their windows; some of the first are read ahead."""

    pool: Executor
    ahead: Callable[[], int]
    places: list[_Place[T]] = field(default_factory=list)

    @classmethod
    def of(
        cls, walk: WindowWalk[T], pool: Executor, ahead: Callable[[], int]
    ) -> "PartLine[T]":
        """Begin with one window, and read so many parts ahead."""
        return cls(pool, ahead, [_Place(walk)])

    def read(self) -> Generator[ReadPart[T]]:
        """Hand out what is read, from the first window on; raises SourceFault."""
        try:
            while self.places:
                self._advance()
                first = self.places[0]
                if first.step is None or not first.step.done():
                    steps = [place.step for place in self.places]
                    underway = [step for step in steps if step and not step.done()]
                    wait(underway, return_when=FIRST_COMPLETED)
                    continue
                reading = first.step.result()
                if isinstance(reading, list):
                    continue  # it was cut just now
                first.step = None
                if first.walk.over:
                    del self.places[0]
                yield ReadPart(reading, first.walk.window)
        finally:
            for place in self.places:
                if place.step is not None:
                    place.step.cancel()

    def _advance(self) -> None:
        """Begin the first steps that nobody takes, and put parts in place of walks."""
        at, ahead = 0, self.ahead()
        while at < min(len(self.places), ahead):
            place = self.places[at]
            if place.step is None:
                place.step = self.pool.submit(place.walk.step)
            if not place.step.done() or place.step.exception() is not None:
                at += 1
                continue
            self._count(place)
            pieces = place.step.result()
            if isinstance(pieces, list):
                cut = _Cut(2 * (place.walk.told or 0) + MOST_GROWTH)
                self.places[at : at + 1] = [_Place(walk, cut) for walk in pieces]
            else:
                at += 1

    def _count(self, place: _Place[T]) -> None:
        """Count what a part says it holds; raises SourceUnreadable past all growth."""
        if place.counted or place.cut_from is None:
            return
        place.counted = True
        place.cut_from.told += place.walk.told or 0
        if place.cut_from.told > place.cut_from.most:
            raise place.walk.endless
