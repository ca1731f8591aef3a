"""Chance: the one source of everything that a seed decides."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
OF_ALL = 1_000


class Chance:
    """Dice that fall the same way for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def happens(self, per_mille: int) -> bool:
        """Say yes so many times in a thousand."""
        return per_mille > 0 and self._random.random() * OF_ALL < per_mille

    def pick(self, things: Sequence[T]) -> T:
        """Return one of the things."""
        return things[int(self._random.random() * len(things))]

    def between(self, low: int, high: int) -> int:
        """Return a whole number, both ends possible."""
        return low + int(self._random.random() * (high - low + 1))

    def span(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a length of time, to the millisecond."""
        step = timedelta(milliseconds=1)
        return self.between(low // step, high // step) * step
