"""A usage source over a list that moves."""

import threading
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Self

from billing.domain.account_identity import SourceIdentity
from billing.domain.period import BillingPeriod, Window
from billing.gateways.call_pages import PAGE_SIZE, CallPage, as_source_call, walk_calls
from billing.ports import SourceCall, SourceTotals

Record = dict[str, object]


class ListedSource:
    """A usage source over a list that `between_pages` may change."""

    def __init__(self, account: str = "main") -> None:
        self._account = account
        self._label = account
        self.key = f"key of {account}"
        self.identity = SourceIdentity(f"partner of {account}", None)
        self.calls: list[Record] = []
        self.between_pages: Callable[[], None] = lambda: None
        self.minutes: int | None = None
        self.silent_totals = False
        self.filtered_by = "created_at"
        self.totals_read = 0
        self.requests: list[tuple[Window, int]] = []
        self.lock = threading.RLock()

    @property
    def account(self) -> str:
        """The account's name in the ledger."""
        return self._account

    @property
    def label(self) -> str:
        """The account's name in the settings."""
        return self._label

    def relabelled(self, label: str) -> "ListedSource":
        """Return the same source under another name in the settings."""
        other = copy(self)
        other._account = other._label = label
        return other

    def named(self, account: str) -> Self:
        """Return the same source under the account's name in the ledger."""
        if account == self._account:
            return self
        other = copy(self)
        other._account = account
        return other

    def key_digest(self, salt: str) -> str:
        """Return a digest of the key."""
        return sha256(f"{salt} {self.key}".encode()).hexdigest()

    def read_identity(self) -> SourceIdentity:
        """Say whose the source is."""
        return self.identity

    def list_calls(self, window: Window) -> Iterator[Sequence[SourceCall]]:
        """Read the calls of a window as Pamela's are read."""
        return walk_calls(
            self._account, window, lambda offset: self.read_page(window, offset)
        )

    def read_page(self, window: Window, offset: int) -> CallPage:
        """Read a page, newest first; then let happen what was scripted."""
        with self.lock:
            self.requests.append((window, offset))
            calls = [call for call in self.calls if self.shows(window, call)]
            calls.sort(key=created_at, reverse=True)
            page = [dict(call) for call in calls[offset : offset + PAGE_SIZE]]
            self.between_pages()
        return CallPage(page, len(calls), offset + len(page) < len(calls))

    def shows(self, window: Window, record: Record) -> bool:
        """Say whether a window's list shows a record, by the time it filters by."""
        if self.filtered_by == "created_at" or not record.get("started_at"):
            return window_holds(window, record)
        return window.start <= _moment(str(record["started_at"])) < window.end

    def get_call(self, call_id: str) -> SourceCall | None:
        """Read one call."""
        with self.lock:
            for record in self.calls:
                if record.get("id") == call_id:
                    return as_source_call(dict(record), self._account)
        return None

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Add up the month by the rule, unless `minutes` says what to answer."""
        self.totals_read += 1
        if self.silent_totals:
            return SourceTotals(None, None)
        with self.lock:
            of_month = [call for call in self.calls if month_of(call) == period]
            minutes = sum(minutes_of(call) for call in of_month)
        total = minutes if self.minutes is None else self.minutes
        return SourceTotals(len(self.calls), total)

    def change(self, call_id: str, **fields: object) -> None:
        """Let the source say something else of a call."""
        next(c for c in self.calls if c.get("id") == call_id).update(fields)

    def remove(self, call_id: str) -> None:
        """Delete a call at the source."""
        self.calls = [call for call in self.calls if call.get("id") != call_id]


def created_at(record: Record) -> datetime:
    """Return when the source lists a record as created."""
    return _moment(str(record.get("listed_at") or record["created_at"]))


_moment = lru_cache(100_000)(datetime.fromisoformat)


def window_holds(window: Window, record: Record) -> bool:
    """Say whether a window's list shows a record."""
    return window.start <= created_at(record) < window.end


def month_of(record: Record) -> BillingPeriod | None:
    """Return the month that the source counts a call in, as well as it knows."""
    over = record.get("status") in {"completed", "failed", "cancelled"}
    try:
        started = datetime.fromisoformat(str(record.get("started_at")))
        return BillingPeriod.of(started) if over else None
    except ValueError:
        return None


def minutes_of(record: Record) -> int:
    """Return the minutes that the source states of a call, else those of the rule."""
    stated, seconds = record.get("billed_minutes"), record.get("duration_seconds")
    if isinstance(stated, int):
        return stated
    return max(-(-seconds // 60), 1) if isinstance(seconds, int) else 0
