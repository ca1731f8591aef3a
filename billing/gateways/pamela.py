"""The Pamela API as a usage source: one account, read only."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from billing.domain.period import BillingPeriod, Window
from billing.errors import (
    SettingsFault,
    SourceFault,
    SourceRefused,
    SourceUnavailable,
    SourceUnreadable,
)
from billing.gateways.retries import Sleep, read_with_retries
from billing.ports import CallPage, SourceTotals
from pamela import (
    AuthenticationError,
    CallError,
    InvalidResponse,
    PamelaClient,
    PamelaConnectionError,
    PamelaError,
    RateLimitError,
    SubscriptionError,
)

T = TypeVar("T")
NOT_FOUND = 404
SERVER_ERROR = 500


class PamelaUsage:
    """Reads the calls and totals of one account; every failure is a SourceFault."""

    def __init__(self, account: str, client: PamelaClient, *, sleep: Sleep) -> None:
        self._account = account
        self._client = client
        self._sleep = sleep

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._account

    def list_calls(self, window: Window, *, offset: int, limit: int) -> CallPage:
        """Read one page of the calls created in a window, newest first."""
        answer = self._ask(
            lambda: self._client.list_calls(
                limit=limit,
                offset=offset,
                start_date=_spelled(window.start),
                end_date=_spelled(window.end),
            )
        )
        items, total = answer.get("items"), answer.get("total")
        more = answer.get("has_more")
        if (
            not isinstance(items, list)
            or type(total) is not int
            or not isinstance(more, bool)
        ):
            raise SourceUnreadable(
                self._account, "a page of calls lacks items, total or has_more"
            )
        return CallPage(items, total, more)

    def get_call(self, call_id: str) -> Mapping[str, object] | None:
        """Read one call; None when the source does not know it."""
        try:
            return self._ask(lambda: dict(self._client.get_call(call_id)))
        except _NotFound:
            return None

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Read the source's own totals of a month."""
        answer = self._ask(lambda: self._client.usage.get(str(period)))
        return SourceTotals(
            self._count(answer.get("call_count"), "call_count"),
            self._count(answer.get("billed_minutes"), "billed_minutes"),
        )

    def server_time(self) -> datetime | None:
        """Ask the server for its time; None when it does not say."""
        return self._ask(self._client.server_time)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _count(self, value: object, name: str) -> int | None:
        if value is None or type(value) is int:
            return value
        raise SourceUnreadable(
            self._account, f"the usage's {name} is not a whole number: {value!r}"
        )

    def _ask(self, read: Callable[[], T]) -> T:
        return read_with_retries(lambda: self._once(read), sleep=self._sleep)

    def _once(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except PamelaError as fault:
            raise self._said(fault) from fault

    def _unavailable(self, words: str, fault: PamelaError) -> SourceUnavailable:
        return SourceUnavailable(
            self._account,
            f"no usable answer: {words}",
            retry_after=fault.retry_after or 0,
        )

    def _said(self, fault: PamelaError) -> SourceFault:
        words = f"{fault.message[:200]} (HTTP {fault.status_code or 'no answer'})"
        if isinstance(fault, AuthenticationError):
            return SourceRefused(
                self._account, f"the API key is refused: {words}; check the settings"
            )
        if isinstance(fault, SubscriptionError):
            return SourceRefused(
                self._account,
                f"the subscription does not allow reading: {words}; its calls are "
                "still charged, so the month stays incomplete until it is renewed",
            )
        if isinstance(fault, CallError) and fault.status_code == NOT_FOUND:
            return _NotFound(self._account, words)
        if isinstance(fault, PamelaConnectionError | RateLimitError):
            return self._unavailable(words, fault)
        if fault.status_code is not None and fault.status_code >= SERVER_ERROR:
            return self._unavailable(words, fault)
        if isinstance(fault, InvalidResponse):
            return SourceUnreadable(self._account, f"an unreadable answer: {words}")
        return SourceFault(self._account, words)


def connect_usage(
    account: str, api_key: str, base_url: str | None, *, sleep: Sleep
) -> PamelaUsage:
    """Return an account's source; raises SettingsFault for a key or URL of no use."""
    try:
        client = PamelaClient(api_key, base_url, retries=None)
    except PamelaError as fault:
        raise SettingsFault(f"accounts.{account}", fault.message) from None
    return PamelaUsage(account, client, sleep=sleep)


class _NotFound(SourceFault):
    """The source does not know a call; never leaves this module."""


def _spelled(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
