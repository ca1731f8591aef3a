"""A planted bug: what it is, and how it takes the place of a part of the product."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from billing.domain.meter_event import SendAnswer, SendVerdict

Make = Callable[[Any], Any]
Swap = tuple[Any, str, Make]


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug: what it is, and which parts of the product it takes the place of."""

    says: str
    swaps: tuple[Swap, ...]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the product have the bug."""
        with ExitStack() as stack:
            for owner, name, make in self.swaps:
                real = owner.__dict__[name]
                stack.callback(setattr, owner, name, real)
                setattr(owner, name, make(real))
            yield


def bug(says: str, *swaps: Swap) -> Planted:
    """Name a bug."""
    return Planted(says, swaps)


def always(value: object) -> Make:
    """Make a function that says the same to all."""
    return lambda _real: lambda *_args, **_more: value


def taken_as(verdict: SendVerdict, other: SendVerdict) -> Make:
    """Make a reader of answers that mistakes one verdict for another."""

    def make(real: Callable[..., SendAnswer]) -> Callable[..., SendAnswer]:
        def read(*args: Any) -> SendAnswer:
            answer = real(*args)
            mistaken = answer.verdict is verdict
            return replace(answer, verdict=other) if mistaken else answer

        return read

    return make
