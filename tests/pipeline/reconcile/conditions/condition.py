"""A condition: what a cause is named for, and what is nearly the same and is not."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.posting import Charge

NONE: frozenset[Cause] = frozenset()


class Condition(NamedTuple):
    """How a cause is found, what is needed for it, and what other cases are called."""

    find: Callable[..., Iterable[Break]]
    needed: dict[str, Any]
    beside: Sequence[tuple[dict[str, Any], frozenset[Cause]]]

    def causes(self, **other: Any) -> frozenset[Cause]:
        """Return the causes that are found, also where something is otherwise."""
        return frozenset(item.cause for item in self.find(**self.needed | other))


def only(*causes: Cause) -> frozenset[Cause]:
    """Return what a case beside is called instead."""
    return frozenset(causes)


def charge(minutes: int) -> Charge:
    """Price minutes as usual."""
    return Charge(minutes, minutes * 100_000)
