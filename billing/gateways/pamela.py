"""The Pamela API as a usage source: one account, read only."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from traceback import clear_frames
from typing import TYPE_CHECKING, TypeVar

from billing.domain.account_identity import SourceIdentity
from billing.domain.call import MOST_MINUTES
from billing.domain.foreign_text import first_words
from billing.domain.period import BillingPeriod, Window
from billing.errors import (
    SettingsFault,
    SourceFault,
    SourceRefused,
    SourceUnavailable,
    SourceUnreadable,
)
from billing.gateways.call_pages import (
    PAGE_SIZE,
    CallPage,
    as_source_call,
    walk_calls,
)
from billing.gateways.patience import USUAL, Patience
from billing.gateways.retries import Sleep, read_with_retries
from billing.ports import SourceCall, SourceTotals
from pamela import (
    AuthenticationError,
    CallError,
    InvalidResponse,
    PamelaClient,
    PamelaConnectionError,
    PamelaError,
    RateLimitError,
    ResponseTooLarge,
    SubscriptionError,
)

if TYPE_CHECKING:
    pass

T = TypeVar("T")
NOT_FOUND = 404
SERVER_ERROR = 500
SMALLEST_PAGE = 2  # each shares a call with the one before it
# A page of calls has some 50 kB; what many threads read at once has to fit into memory.
MOST_BYTES = 1_000_000
# What may stand in a sentence, a log and a database.
_NAME = re.compile(r"[!-~]{1,200}")


class PamelaUsage:
    """Reads the calls and totals of one account; every failure is a SourceFault."""

    def __init__(
        self,
        label: str,
        client: PamelaClient,
        *,
        sleep: Sleep,
        account: str | None = None,
    ) -> None:
        self._label = label
        self._account = account or label
        self._client = client
        self._sleep = sleep
        self._page_size = PAGE_SIZE

    @property
    def account(self) -> str:
        """The account's name in the ledger, which is the first one it had."""
        return self._account

    @property
    def label(self) -> str:
        """The account's name in the settings."""
        return self._label

    def named(self, account: str) -> "PamelaUsage":
        """Return the same source under the account's name in the ledger."""
        return PamelaUsage(
            self._label, self._client, sleep=self._sleep, account=account
        )

    def key_digest(self, salt: str) -> str:
        """Return a digest of the key, which shows nothing of it."""
        return sha256(f"{salt}\n{self._client.api_key}".encode()).hexdigest()

    def read_identity(self) -> SourceIdentity:
        """Read which partner's, and which project's, the source says it is."""
        return self._identity(self._ask(self._client.usage.get))

    def list_calls(self, window: Window) -> Iterator[Sequence[SourceCall]]:
        """Read the calls created in a window, page by page, newest first."""
        return walk_calls(
            self._account, window, lambda offset: self._page_that_fits(window, offset)
        )

    def _page_that_fits(self, window: Window, offset: int) -> CallPage:
        """Read a page; where it is too large, it and those after it in smaller ones."""
        while True:
            size = self._page_size
            try:
                return self.read_page(window, offset, size)
            except _TooLarge:
                if size == SMALLEST_PAGE:
                    raise
                # Other threads may have found the same.
                smaller = max(size // 4, SMALLEST_PAGE)
                self._page_size = min(self._page_size, smaller)

    def read_page(
        self, window: Window, offset: int, limit: int = PAGE_SIZE
    ) -> CallPage:
        """Read one page of the calls created in a window, newest first."""
        answer = self._ask(
            lambda: self._client.list_calls(
                limit=limit,
                offset=offset,
                start_date=_format(window.start),
                end_date=_format(window.end),
            )
        )
        items, total = answer.get("items"), answer.get("total")
        more = answer.get("has_more")
        if (
            not isinstance(items, list)
            or type(total) is not int
            or total < 0
            or not isinstance(more, bool)
        ):
            raise SourceUnreadable(
                self._label, "a page of calls lacks items, total or has_more"
            )
        return CallPage(items, total, more)

    def get_call(self, call_id: str) -> SourceCall | None:
        """Read one call; None when the source does not know it."""
        try:
            record = self._ask(lambda: dict(self._client.get_call(call_id)))
        except _NotFound:
            return None
        if record.get("id") != call_id:
            raise SourceUnreadable(
                self._label, f"the answer names another call than {call_id}"
            )
        return as_source_call(record, self._account)

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Read the source's own totals of a month."""
        answer = self._ask(lambda: self._client.usage.get(str(period)))
        identity = self._identity(answer)
        return SourceTotals(
            self._count(answer.get("call_count"), "call_count"),
            self._count(answer.get("billed_minutes"), "billed_minutes"),
            identity if identity.known else None,
        )

    def server_time(self) -> datetime | None:
        """Ask the server for its time; None when it does not say."""
        return self._ask(self._client.server_time)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _identity(self, answer: Mapping[str, object]) -> SourceIdentity:
        return SourceIdentity(
            self._name(answer.get("partner_id"), "partner_id"),
            self._name(answer.get("project_id"), "project_id"),
        )

    def _count(self, value: object, name: str) -> int | None:
        if value is None or (type(value) is int and abs(value) <= MOST_MINUTES):
            return value
        raise SourceUnreadable(
            self._label,
            f"the usage's {name} is not a whole number that can be: "
            f"{first_words(repr(value), 60)}",
        )

    def _name(self, value: object, name: str) -> str | None:
        if value is None:
            return None
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        raise SourceUnreadable(self._label, f"the usage's {name} is no name")

    def _ask(self, read: Callable[[], T]) -> T:
        return read_with_retries(lambda: self._once(read), sleep=self._sleep)

    def _once(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except PamelaError as fault:
            # Its frames would keep the whole answer for as long as it is known.
            clear_frames(fault.__traceback__)
            raise self._fault_of(fault) from fault

    def _unavailable(self, words: str, fault: PamelaError) -> SourceUnavailable:
        return SourceUnavailable(
            self._label,
            f"no usable answer: {words}",
            retry_after=fault.retry_after or 0,
        )

    def _fault_of(self, fault: PamelaError) -> SourceFault:
        said = first_words(fault.message, 200)
        words = f"{said} (HTTP {fault.status_code or 'no answer'})"
        if isinstance(fault, AuthenticationError):
            return SourceRefused(
                self._label, f"the API key is refused: {words}; check the settings"
            )
        if isinstance(fault, SubscriptionError):
            return SourceRefused(
                self._label,
                f"the subscription does not allow reading: {words}; its calls are "
                "still charged, so the month stays incomplete until it is renewed",
            )
        if isinstance(fault, CallError) and fault.status_code == NOT_FOUND:
            return _NotFound(self._label, words)
        if isinstance(fault, PamelaConnectionError | RateLimitError):
            return self._unavailable(words, fault)
        if fault.status_code is not None and fault.status_code >= SERVER_ERROR:
            return self._unavailable(words, fault)
        if isinstance(fault, ResponseTooLarge):
            return _TooLarge(self._label, words)
        if isinstance(fault, InvalidResponse):
            return SourceUnreadable(self._label, f"an unreadable answer: {words}")
        return SourceFault(self._label, words)


def connect_usage(
    account: str,
    api_key: str,
    base_url: str | None,
    *,
    sleep: Sleep,
    proxy: str | None = None,
    patience: Patience = USUAL,
) -> PamelaUsage:
    """Return an account's source; raises SettingsFault for a key or URL of no use."""
    try:
        client = PamelaClient(
            api_key,
            base_url,
            retries=None,
            proxy=proxy,
            max_response_bytes=MOST_BYTES,
            timeout=patience.step,
            total_timeout=patience.whole,
        )
    except PamelaError as fault:
        raise SettingsFault(f"accounts.{account}", fault.message) from None
    return PamelaUsage(account, client, sleep=sleep)


class _NotFound(SourceFault):
    """The source does not know a call; never leaves this module."""


class _TooLarge(SourceUnreadable):
    """An answer is larger than is read; a smaller page may be readable."""

    kind = "SourceUnreadable"


def _format(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
