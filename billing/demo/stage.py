"""The stage of a story: who sees it, and how it fails."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from billing.errors import BillingError
from billing.pipeline.cycle import Watcher


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story and its progress are shown."""

    say: Callable[[str], None]
    bars: Callable[[], AbstractContextManager[Watcher]]


class DemoFailed(BillingError):
    """A part of the demonstration failed."""
