"""The calls of one account as they look at a moment: ordered, counted and paged."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from billing.sandbox.pamela.call import (
    Call,
    CallUsage,
    FilteredBy,
    billed_minutes,
    read_usage,
)

Key = tuple[int, str]  # (time, id): the total order of calls
FEW = 64  # up to so many new keys are inserted one by one, more are sorted in
ENDLESS = 1 << 62


@dataclass(slots=True)
class MonthUsage:
    """One month of an account: its calls and what its connected calls came to."""

    calls: int = 0  # created in the month, connected or not
    seconds: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A part of the list: calls of [start, end), of one status or of all."""

    offset: int = 0
    limit: int = 50
    status: str | None = None
    start: int = -ENDLESS
    end: int = ENDLESS


@dataclass(frozen=True, slots=True)
class Page:
    """Calls as JSON, newest first, and how many there are on all pages."""

    items: list[bytes]
    total: int


class CallList:
    """The calls of one account; what is visible is kept in order, totals are running.

    Moving forwards costs only the calls that change; moving back starts anew.
    """

    def __init__(self, filtered_by: FilteredBy = FilteredBy.CREATED_AT) -> None:
        self._filtered_by = filtered_by
        self._serial = count()
        self._calls: dict[str, Call] = {}
        self._now = -ENDLESS
        self._clear()

    def __len__(self) -> int:
        return len(self._shown)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._calls

    def put(self, calls: Iterable[Call], now: int) -> None:
        """Add calls; one whose id is known replaces its predecessor."""
        self.show_at(now)
        latest = {call.id: call for call in calls}
        for call in latest.values():
            self._hide(call.id)
            self._calls[call.id] = call
        self._show(latest.values(), now)

    def filter_by(self, filtered_by: FilteredBy, now: int) -> None:
        """Let another time of a call be what the list is ordered and filtered by."""
        self._filtered_by = filtered_by
        self._clear()
        self._now = now
        self._show(self._calls.values(), now)

    def remove(self, call_id: str) -> bool:
        """Forget a call; False when there is none of this id."""
        self._hide(call_id)
        return self._calls.pop(call_id, None) is not None

    def show_at(self, now: int) -> None:
        """Move to a moment: calls appear, go on, end and are revised."""
        if now < self._now:
            self._clear()
            self._show(self._calls.values(), now)
        self._now = now
        changed = []
        while self._coming and self._coming[0][0] <= now:
            call = heappop(self._coming)[2]
            # A call that was replaced or removed still has its old appointment.
            if self._calls.get(call.id) is call:
                self._hide(call.id)
                changed.append(call)
        if changed:
            self._show(changed, now)

    def get(self, call_id: str) -> Call | None:
        """Return a call, visible or not."""
        return self._calls.get(call_id)

    def body(self, call_id: str) -> bytes | None:
        """Return the JSON of a visible call."""
        return self._shown.get(call_id)

    def page(self, query: ListQuery) -> Page:
        """Return the visible calls that a query asks for, newest first."""
        order = self._orders.get(query.status, [])
        low = bisect_left(order, (query.start, ""))
        high = bisect_left(order, (query.end, ""))
        top = max(high - query.offset, low)
        keys = order[max(top - query.limit, low) : top]
        keys.reverse()
        items = [self._shown[call_id] for _, call_id in keys]
        return Page(items, total=max(high - low, 0))

    def usage(self, period: str) -> MonthUsage:
        """Return the running totals of a month, given as YYYY-MM."""
        return self._months.get(period) or MonthUsage()

    def visible(self) -> Iterator[bytes]:
        """Yield the JSON of every visible call, in no order."""
        return iter(list(self._shown.values()))

    def calls(self) -> Iterator[Call]:
        """Yield every call, visible or not, in the order of arrival."""
        return iter(list(self._calls.values()))

    def _clear(self) -> None:
        self._shown: dict[str, bytes] = {}
        self._orders: dict[str | None, list[Key]] = {None: []}
        self._coming: list[tuple[int, int, Call]] = []
        self._months: defaultdict[str, MonthUsage] = defaultdict(MonthUsage)

    def _show(self, calls: Iterable[Call], now: int) -> None:
        added: defaultdict[str | None, list[Key]] = defaultdict(list)
        for call in calls:
            body = call.body_at(now)
            if body is not None:
                status, usage = read_usage(call, body)
                self._shown[call.id] = body
                self._count(usage, 1)
                key = (call.listed_at(body, self._filtered_by), call.id)
                added[None].append(key)
                if status is not None:
                    added[status].append(key)
            change = None if call.settled(now) else call.next_change(now)
            if change is not None:
                heappush(self._coming, (change, next(self._serial), call))
        for status, keys in added.items():
            self._insert(self._orders.setdefault(status, []), keys)

    def _hide(self, call_id: str) -> None:
        body = self._shown.pop(call_id, None)
        if body is None:
            return
        call = self._calls[call_id]
        status, usage = read_usage(call, body)
        self._count(usage, -1)
        key = (call.listed_at(body, self._filtered_by), call_id)
        for name in {None, status}:
            order = self._orders[name]
            del order[bisect_left(order, key)]

    @staticmethod
    def _insert(order: list[Key], keys: list[Key]) -> None:
        if len(keys) > FEW:
            order.extend(keys)
            order.sort()
        else:
            for key in keys:
                insort(order, key)

    def _count(self, usage: CallUsage, sign: int) -> None:
        self._months[usage.created_in].calls += sign
        if usage.billed_in is not None:
            month = self._months[usage.billed_in]
            month.seconds += sign * usage.seconds
            month.minutes += sign * billed_minutes(usage.seconds)
