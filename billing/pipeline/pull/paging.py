"""Reading a window: cut where it holds too many calls, else walked page by page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from billing.domain.call import READ_AGAIN
from billing.domain.period import BillingPeriod, Window
from billing.errors import SourceFault, SourceUnreadable
from billing.ports import CallMark, ListedCalls, SourceCall, UsageSource

T = TypeVar("T")
PART = 1_000  # calls, about ten pages: what a window is cut into
MOST_IN_PART = 2 * PART
# A source that says it has ever so many is asked about some of them before others.
MOST_PIECES = 10_000
# The pages between two looks at what was read, where a window cannot be cut.
PAGES_AT_ONCE = 24
# Pages that are looked up together, and held as they came until then.
PAGES_A_LOOK = 3


def nothing_recognised(_marks: Sequence[CallMark]) -> dict[str, Any]:
    """Recognise no record, so that each is read."""
    return {}


@dataclass(slots=True)
class WindowReading(Generic[T]):
    """Calls of one window, each as it was read last and understood.

    One that says different things on one page is understood in a way of its own; what
    is recognised by its mark need not be understood.
    """

    understand: Callable[[SourceCall], T]
    understand_duplicate: Callable[[SourceCall], T]
    recognise: Callable[[Sequence[CallMark]], Mapping[str, T]] = nothing_recognised
    pages: int = 0
    calls: dict[str, T] = field(default_factory=dict)
    anonymous: dict[str, T] = field(default_factory=dict)  # by the record's digest
    duplicates: dict[str, T] = field(default_factory=dict)

    def take(self, pages: Sequence[ListedCalls]) -> None:
        """Add pages, which are looked up together."""
        recognised = self.recognise([mark for page in pages for mark in page.marks])
        if not recognised:
            # Whatever was never read before is seldom among what was.
            self.recognise = nothing_recognised
        for page in pages:
            self._take_page(page, recognised)

    def _take_page(self, page: ListedCalls, recognised: Mapping[str, T]) -> None:
        self.pages += 1
        unread = []
        for place, (call_id, _) in enumerate(page.marks):
            if call_id is not None and call_id in recognised:
                self.calls[call_id] = recognised[call_id]
            else:
                unread.append(place)
        on_page: dict[str, str] = {}
        for told in page.read(unread):
            call_id = told.call.call_id
            if call_id is None:
                self.anonymous[told.sha256] = self.understand(told)
            elif on_page.setdefault(call_id, told.sha256) != told.sha256:
                # Two records of one id in one answer: nobody can say which holds.
                self.duplicates[call_id] = self.understand_duplicate(told)
            else:
                self.calls[call_id] = self.understand(told)


@dataclass(slots=True)
class WindowWalk(Generic[T]):
    """A window that is read by steps; whoever takes one need not be who took the last.

    Each step begins a reading of its own. Only what is understood of a call is kept: a
    page's own text is long.
    """

    source: UsageSource
    window: Window
    begin: Callable[[], WindowReading[T]]
    told: int | None = None  # how many calls the first page says that there are
    over: bool = False
    _pages: Iterator[ListedCalls] | None = None
    _fault: SourceFault | None = None
    _duplicates: dict[str, T] = field(default_factory=dict)

    def step(self) -> "WindowReading[T] | list[WindowWalk[T]]":
        """Read some pages, or return the walks that this one is cut into.

        It is `over` with its last page, or once it is cut. What was read before a fault
        is handed out before it. Raises SourceFault.
        """
        if self._fault is not None:
            raise self._fault
        reading = self.begin()
        # They stay what they are, however often they come again.
        reading.duplicates = self._duplicates
        if self._pages is None:
            self._pages = self.source.list_calls(self.window)
        pages: list[ListedCalls] = []
        try:
            for page in self._pages:
                if self.told is None and (pieces := self._pieces(page.total or 0)):
                    self.over = True
                    return pieces
                pages.append(page)
                if len(pages) == PAGES_A_LOOK:
                    reading.take(pages)
                    pages = []
                    if reading.pages == PAGES_AT_ONCE:
                        return reading
            self.over = True
        except SourceFault as fault:
            if not reading.pages and not pages:
                raise
            self._fault = fault
        reading.take(pages)
        return reading

    def _pieces(self, told: int) -> "list[WindowWalk[T]]":
        """Cut the window by the calls it holds; nothing where it is small, or short."""
        self.told = told
        if told <= MOST_IN_PART:
            return []
        windows = self.window.cut(min(-(-told // PART), MOST_PIECES))
        if len(windows) == 1:
            return []
        return [
            WindowWalk(source=self.source, window=window, begin=self.begin)
            for window in windows
        ]

    @property
    def endless(self) -> SourceUnreadable:
        """The fault of a window whose parts hold far more than it was told to."""
        day = f"{self.window.start:%Y-%m-%d}"
        return SourceUnreadable(self.source.account, f"the list of {day} has no end")


def pulled_window(
    period: BillingPeriod, since: datetime | None, now: datetime
) -> Window:
    """Return what is read of a month: two days on either side, up to now."""
    start = period.start - READ_AGAIN
    return Window(max(since or start, start), min(period.end + READ_AGAIN, now))
