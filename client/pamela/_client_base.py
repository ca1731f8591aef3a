"""What both clients are made with, and what they do without sending anything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, NoReturn, Protocol, TypeVar

from pamela._answers import build_error
from pamela._requests import API_PREFIX, Request
from pamela.exceptions import ValidationError
from pamela.retries import DEFAULT_RETRIES, RetryPolicy
from pamela.types import JSONValue

if TYPE_CHECKING:
    from pamela._exchange import Limits

DEFAULT_BASE_URL = "https://api.thisispamela.com"

H = TypeVar("H")
T = TypeVar("T")


class ClientRefusal(Protocol):
    """An answer of any library that has a status and can be decoded."""

    status_code: int

    def json(self) -> JSONValue:
        """Decode the body; ValueError if it is no JSON."""
        ...


class ClientBase(Generic[H]):
    """One server, one key; the way of sending is the subclass's."""

    def __init__(  # noqa: PLR0913 - each is one setting, with its own default
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        user_token: str | None = None,
        timeout: float = 30.0,
        total_timeout: float = 60.0,
        max_response_bytes: int = 10_000_000,
        max_connections: int = 16,
        retries: RetryPolicy | None = DEFAULT_RETRIES,
        transport: H | None = None,
        proxy: str | None = None,
    ) -> None:
        """Bind a key to a server; time-outs are seconds, a step's and an attempt's.

        `user_token` opens the partner API; `retries=None` sends everything once.
        `proxy` is a URL, perhaps with a login; the environment's is never used.
        """
        # Imported here because httpx2 is slow to load, and needed only now.
        from pamela._exchange import (  # noqa: PLC0415
            Limits,
            check_base_url,
            check_proxy,
        )

        check_token("api_key", api_key)
        if user_token is not None:
            check_token("user_token", user_token)
        if proxy is not None:
            check_proxy(proxy)
        if not isinstance(retries, RetryPolicy | None):
            raise ValidationError("retries must be a RetryPolicy, or None for none")
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
        self.retries = retries
        self._user_token = user_token
        self._open(limits, transport, proxy)

    def _open(self, limits: "Limits", transport: H | None, proxy: str | None) -> None:
        raise NotImplementedError

    def _authorized(self, request: Request[T]) -> Request[T]:
        if not request.by_user:
            return request
        token = request.user_token or self._user_token
        if token is None:
            raise ValidationError("the partner API asks for a user_token, not a key")
        check_token("user_token", token)
        return replace(request, user_token=token)

    def _raise_for_error(self, response: ClientRefusal, endpoint: str) -> NoReturn:
        """Raise what a foreign library's answer says, as the official client does."""
        try:
            body = response.json()
        except ValueError:
            body = None
        headers = getattr(response, "headers", None)
        plain = dict(headers) if isinstance(headers, Mapping) else {}
        raise build_error(endpoint, response.status_code, plain, body)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"


def check_token(name: str, token: str) -> None:
    """Refuse what no header can carry."""
    if (
        not isinstance(token, str)
        or not token
        or not all("!" <= character <= "~" for character in token)
    ):
        raise ValidationError(f"{name} must be printable ASCII without spaces")
