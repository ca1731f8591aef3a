"""Roles: who else acts in a world, as the world itself sees them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol


class Watcher(Protocol):
    """Who starts processes: it looks after each step whether one is due."""

    def look(self) -> None:
        """Start whoever is due."""
        ...

    def retire(self) -> None:
        """Start no more."""
        ...


class Person(Protocol):
    """Who looks in, and decides what nobody else can."""

    @property
    def said(self) -> Mapping[str, Sequence[Mapping[tuple[str, str], int]]]:
        """What was decided of each call, ever."""
        ...

    @property
    def meant(self) -> Mapping[tuple[str, str], datetime]:
        """When the calls were created, by account, on which was decided undated."""
        ...

    def look(self) -> None:
        """Decide something, or nothing."""
        ...
