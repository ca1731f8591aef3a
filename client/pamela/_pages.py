"""Walking a list that moves while it is read: no call is lost, none comes twice."""

import json
from collections.abc import Mapping

from pamela import _arguments, _endpoints
from pamela._requests import Request
from pamela.exceptions import InvalidResponse, ListMoved
from pamela.types import CallListResponse, CallStatusResponse

# A page begins this far back when the ones before it have been lost from sight.
BACK = (1, 10, 50, *range(100, 2001, 100))
MOST_IDLE = 20
MOST_REMEMBERED = 2_000
MOST_PARALLEL = 32


class PageWalk:
    """Says which pages of a moving list to read next, and which calls are new.

    Offsets shift when calls come or go between two pages. So each page must share a
    call with those before it: then together they cover one unbroken stretch of the
    list. A page that shares none is read again from where the list's new length, and
    then steps further and further back, put it. Only the latest calls are remembered;
    while they are all that came, the head of the list will always do.
    """

    def __init__(self, page_size: int, parallel: int = 1) -> None:
        self.parallel = parallel
        self._page_size = page_size
        self._done = False
        self._end = 0
        self._step = 0
        self._total: int | None = None
        self._lost = 0
        self._idle = 0
        self._forgets = False
        self._seen: dict[str, None] = {}

    @property
    def joined(self) -> bool:
        """Whether the page taken last goes on from the ones before it."""
        return not self._lost

    def plan(self) -> list[int]:
        """Return the offsets worth reading now, the one to take next first."""
        if self._done:
            return []
        if self._lost:
            return [max(self._end - BACK[self._lost - 1], 0)]
        start = max(self._end - 1, 0)
        if not self._step:
            return [start]
        ahead = range(
            start + self._step, start + self._step * self.parallel, self._step
        )
        last = start if self._total is None else self._total - 1
        return [start, *(offset for offset in ahead if offset < last)]

    def take(self, page: CallListResponse) -> list[CallStatusResponse]:
        """Take the page planned first; return its calls that have not come before."""
        start = self.plan()[0]
        calls = {_identity(call): call for call in reversed(page["items"])}
        total = page.get("total")
        total = total if type(total) is int else None
        at_head = not start and not (self._forgets and calls)
        if self._seen and not at_head and not self._seen.keys() & calls:
            self._lose(start, total)
            return []
        self._lost = 0
        self._total = total
        self._end = start + len(page["items"])
        self._step = max(len(page["items"]) - 1, 1)
        self._done = not self._goes_on(page)
        return self._remember(calls)

    def _remember(
        self, calls: dict[str, CallStatusResponse]
    ) -> list[CallStatusResponse]:
        fresh = {key: calls[key] for key in reversed(calls) if key not in self._seen}
        self._seen.update(dict.fromkeys(fresh))
        if len(self._seen) > 2 * MOST_REMEMBERED:
            self._forgets = True
            self._seen = dict.fromkeys(list(self._seen)[-MOST_REMEMBERED:])
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE and not self._done:
            raise ListMoved(f"{self._idle} pages in a row brought no call that is new")
        return list(fresh.values())

    def _lose(self, start: int, total: int | None) -> None:
        was = self._total
        moved = 0 if total is None or was is None else total - was
        if self._lost == len(BACK) or (self._lost and not start and not moved):
            raise ListMoved("the list of calls moved too much to be read whole")
        # It may move on while it is looked for.
        self._end = max(self._end + moved, 0)
        self._total = was if total is None else total
        self._lost += 1

    def _goes_on(self, page: CallListResponse) -> bool:
        more = page.get("has_more")
        if more or (self._total is not None and self._end < self._total):
            return True
        if isinstance(more, bool) or self._total is not None:
            return False
        if "next_offset" in page:
            return page["next_offset"] is not None
        return len(page["items"]) >= self._page_size


class CallPages(PageWalk):
    """A walk that knows what to ask for, and holds nothing but calls."""

    def __init__(
        self,
        filters: Mapping[str, str | None],
        page_size: int,
        parallel: int,
    ) -> None:
        super().__init__(page_size, parallel)
        self._filters = filters

    def request(self, offset: int) -> Request[CallListResponse]:
        """Describe the page at an offset."""
        return _endpoints.list_calls(
            **self._filters, limit=self._page_size, offset=offset
        )

    def take(self, page: CallListResponse) -> list[CallStatusResponse]:
        """Take the page planned first; raises InvalidResponse for one of no calls."""
        calls: list[object] = list(page["items"])
        if not all(isinstance(call, dict) for call in calls):
            raise InvalidResponse("a page of calls holds something else")
        return super().take(page)


def iter_calls(
    *,
    status: str | None = None,
    status_filter: str | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    page_size: int = _endpoints.MAX_PAGE,
    parallel: int = 1,
) -> CallPages:
    """Go through all calls, newest first, reading pages as they are needed.

    Every call that was there all along comes once, even while others come and go.
    `parallel` pages are read at a time; their order is kept. Raises ListMoved when
    the list changes too fast to be followed.
    """
    _arguments.whole("page_size", page_size, 2, _endpoints.MAX_PAGE)
    _arguments.whole("parallel", parallel, 1, MOST_PARALLEL)
    filters = {
        "status": status,
        "status_filter": status_filter,
        "start_date": start_date,
        "end_date": end_date,
    }
    pages = CallPages(filters, page_size, parallel)
    pages.request(0)  # what cannot be right is refused now, not at the first page
    return pages


def _identity(call: object) -> str:
    name = call.get("id") if isinstance(call, dict) else None
    return name if isinstance(name, str) else json.dumps(call, sort_keys=True)
