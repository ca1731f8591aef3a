"""Reading a window: each call as it was read last, and none of two meanings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.ports import SourceCall, UsageSource

T = TypeVar("T")
# A list of a day that is longer has no end.
_MOST_PAGES = 10_000


@dataclass(slots=True)
class WindowReading(Generic[T]):
    """The calls of one window, each as it was read last and understood."""

    understand: Callable[[SourceCall], T]
    understand_duplicate: Callable[[SourceCall], T]
    pages: int = 0
    calls: dict[str, T] = field(default_factory=dict)
    anonymous: dict[str, T] = field(default_factory=dict)  # by the record's digest
    duplicates: dict[str, T] = field(default_factory=dict)

    def take(self, page: Sequence[SourceCall]) -> None:
        """Add a page."""
        self.pages += 1
        on_page: dict[str, str] = {}
        for told in page:
            call_id = told.call.call_id
            if call_id is None:
                self.anonymous[told.sha256] = self.understand(told)
            elif on_page.setdefault(call_id, told.sha256) != told.sha256:
                # Two records of one id in one answer: nobody can say which holds.
                self.duplicates[call_id] = self.understand_duplicate(told)
            else:
                self.calls[call_id] = self.understand(told)


def read_window(
    source: UsageSource,
    window: Window,
    understand: Callable[[SourceCall], T],
    understand_duplicate: Callable[[SourceCall], T] | None = None,
) -> WindowReading[T]:
    """Read every call created in a window; raises SourceFault.

    Only what is understood of a call is kept: a page's own text is long. One that says
    different things on one page may be understood in a way of its own.
    """
    reading = WindowReading(
        understand=understand,
        understand_duplicate=understand_duplicate or understand,
    )
    for page in source.list_calls(window):
        if reading.pages >= _MOST_PAGES:
            day = f"{window.start:%Y-%m-%d}"
            raise SourceUnreadable(source.account, f"the list of {day} has no end")
        reading.take(page)
    return reading
