"""Reading a list that moves while it is read, without losing a call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.ports import CallPage, UsageSource

T = TypeVar("T")
PAGE_SIZE = 100
_OVERLAPS = (1, 10, 50, PAGE_SIZE)
_MOST_ROUNDS = 4
# Bounds for a list that loops: pages with nothing new, and pages in all.
_MOST_IDLE_PAGES = 3
_MOST_PAGES = 10_000


@dataclass(slots=True)
class WindowReading(Generic[T]):
    """The calls of one window, each as it was read last and understood."""

    window: Window
    understand: Callable[[object], T]
    pages: int = 0
    records: dict[str, T] = field(default_factory=dict)
    anonymous: list[T] = field(default_factory=list)
    duplicates: dict[str, object] = field(default_factory=dict)

    def take(self, page: CallPage) -> set[str]:
        """Add a page; returns the ids on it."""
        self.pages += 1
        on_page: dict[str, object] = {}
        for record in page.records:
            call_id = _id_of(record)
            if not isinstance(call_id, str):
                nameless = self.understand(record)
                if nameless not in self.anonymous:
                    self.anonymous.append(nameless)
            elif on_page.setdefault(call_id, record) != record:
                # Two records of one id in one answer: nobody can say which holds.
                self.duplicates[call_id] = record
            else:
                self.records[call_id] = self.understand(record)
        return set(on_page)


def read_window(
    source: UsageSource, window: Window, understand: Callable[[object], T]
) -> WindowReading[T]:
    """Read every call created in a window; raises SourceFault.

    Offsets shift when calls come or go between two pages. So each page must share a
    call with the page before it; then both together cover one unbroken stretch of the
    list, and every call that was there all along has been read. Where a page shares
    none, it is read again further back, and the window anew when that fails.
    Only what `understand` makes of a record is kept: a page's own text is long.
    """
    for _ in range(_MOST_ROUNDS):
        reading = WindowReading(window=window, understand=understand)
        if _read_through(source, reading):
            return reading
    raise SourceUnreadable(
        source.account,
        f"the list of {window.start:%Y-%m-%d} moved too much to be read whole, "
        f"{_MOST_ROUNDS} times; it is read again in the next run",
    )


def _read_through(source: UsageSource, reading: WindowReading[T]) -> bool:
    """Read from the newest call to the oldest; False when the thread was lost."""
    page = source.list_calls(reading.window, offset=0, limit=PAGE_SIZE)
    ids = reading.take(page)
    end = len(page.records)
    idle = 0
    while page.has_more or end < page.total:
        if idle > _MOST_IDLE_PAGES or reading.pages >= _MOST_PAGES:
            return False
        found = _next_page(source, reading.window, end, ids)
        if found is None:
            return False
        page, start = found
        reached = start + len(page.records)
        if reached <= end and (page.has_more or reached < page.total):
            return False
        known = len(reading.records)
        ids = reading.take(page)
        idle = idle + 1 if len(reading.records) == known else 0
        end = reached
    return True


def _next_page(
    source: UsageSource, window: Window, end: int, ids: set[str]
) -> tuple[CallPage, int] | None:
    for overlap in _OVERLAPS:
        start = max(end - overlap, 0)
        page = source.list_calls(window, offset=start, limit=PAGE_SIZE)
        if any(_id_of(record) in ids for record in page.records):
            return page, start
    return None


def _id_of(record: object) -> object:
    return record.get("id") if isinstance(record, Mapping) else None
