"""The client: one method an endpoint, plain dictionaries in return."""

from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from pamela import _endpoints
from pamela._answers import read_answer
from pamela._endpoints import API_PREFIX, Request
from pamela._transport import Limits, Transport, check_base_url, is_token
from pamela.exceptions import ValidationError, read_date
from pamela.types import CallListResponse, CallStatusResponse, UsageResponse

DEFAULT_BASE_URL = "https://api.thisispamela.com"

T = TypeVar("T")


class PamelaClient:
    """Speaks to the Pamela voice API; share one between threads and close it."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        timeout: float = 30.0,
        total_timeout: float = 60.0,
        max_response_bytes: int = 10_000_000,
        max_connections: int = 16,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Bind a key to a server; time-outs are seconds, a step's and a request's."""
        if not isinstance(api_key, str) or not api_key or not is_token(api_key):
            raise ValidationError("api_key must be printable ASCII without spaces")
        limits = Limits(
            timeout=timeout,
            total_timeout=total_timeout,
            max_response_bytes=max_response_bytes,
            max_connections=max_connections,
        )
        self.api_key = api_key
        self.base_url = check_base_url(
            DEFAULT_BASE_URL if base_url is None else base_url
        )
        self.base_api_url = self.base_url + API_PREFIX
        self.usage = UsageClient(self)
        self._transport = Transport(self.base_url, api_key, limits, transport)

    def list_calls(  # noqa: PLR0917 - the positions are the official SDK's
        self,
        status: str | None = None,
        status_filter: str | None = None,
        limit: int | None = 50,
        offset: int | None = 0,
        start_date: str | None = None,
        end_date: str | None = None,
    ) -> CallListResponse:
        """List one page of at most 100 calls, newest first; dates are ISO 8601."""
        return self._send(
            _endpoints.list_calls(
                status=status,
                status_filter=status_filter,
                limit=limit,
                offset=offset,
                start_date=start_date,
                end_date=end_date,
            )
        )

    def get_call(self, call_id: str) -> CallStatusResponse:
        """Read one call."""
        return self._send(_endpoints.get_call(call_id))

    def get_usage(self, period: str | None = None) -> UsageResponse:
        """Read the usage of a month (YYYY-MM, UTC), by default the present one."""
        return self._send(_endpoints.get_usage(period))

    def server_time(self) -> datetime | None:
        """Ask the server for its time, to the second; None when it does not say."""
        request = _endpoints.get_usage(None)
        answer = self._transport.exchange(request)
        read_answer(request, answer)
        return read_date(answer.headers.get("date"))

    def close(self) -> None:
        """Close all connections; later requests are refused."""
        self._transport.close()

    def _send(self, request: Request[T]) -> T:
        return read_answer(request, self._transport.exchange(request))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"


class UsageClient:
    """Usage, as `client.usage`."""

    def __init__(self, client: PamelaClient) -> None:
        self._client = client

    def get(self, period: str | None = None) -> UsageResponse:
        """Read the usage of a month (YYYY-MM, UTC), by default the present one."""
        return self._client.get_usage(period)


Pamela = PamelaClient
