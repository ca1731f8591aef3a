"""The stage of a story: who is told of it, and how it fails."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from billing.errors import BillingError
from billing.pipeline.cycle import Watcher


@dataclass(frozen=True, slots=True)
class Stage:
    """Who is told, and who sees the progress."""

    say: Callable[[str], None]
    bars: Callable[[], AbstractContextManager[Watcher]]


class DemoFailed(BillingError):
    """A part of the demonstration failed."""
