"""The blocking client: one method an endpoint, plain dictionaries in return."""

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from pamela import _endpoints, _pages, _partner_endpoints
from pamela._client_base import ClientBase
from pamela._methods import blocking, walking
from pamela._pages import CallPages
from pamela._requests import Request
from pamela.types import CallListResponse, CallStatusResponse

if TYPE_CHECKING:
    from concurrent.futures import Future

    import httpx2

    from pamela._exchange import Limits

T = TypeVar("T")


class PamelaClient(ClientBase["httpx2.BaseTransport"]):
    """Speaks to the Pamela voice API; share one between threads and close it."""

    create_call = blocking(_endpoints.create_call)
    get_call = blocking(_endpoints.get_call)
    list_calls = blocking(_endpoints.list_calls)
    iter_calls = walking(_pages.iter_calls)
    cancel_call = blocking(_endpoints.cancel_call)
    hangup_call = blocking(_endpoints.hangup_call)
    register_tool = blocking(_endpoints.register_tool)
    list_tools = blocking(_endpoints.list_tools)
    delete_tool = blocking(_endpoints.delete_tool)
    get_usage = blocking(_endpoints.get_usage)
    server_time = blocking(_endpoints.server_time)

    def close(self) -> None:
        """Close all connections; later requests are refused."""
        self._transport.close()

    def _open(
        self,
        limits: "Limits",
        transport: "httpx2.BaseTransport | None",
        proxy: str | None,
    ) -> None:
        from pamela._transport import Transport  # noqa: PLC0415 - it loads httpx2

        self._transport = Transport(
            self.base_url,
            self.api_key,
            limits,
            self.retries,
            transport=transport,
            proxy=proxy,
        )
        self.usage = UsageClient(self)
        self.partner = PartnerClient(self)

    def _send(self, request: Request[T]) -> T:
        return self._transport.send(self._authorized(request))

    def _walk(self, pages: CallPages) -> Iterator[CallStatusResponse]:
        if pages.parallel > 1:
            yield from self._walk_in_parallel(pages)
            return
        while offsets := pages.plan():
            yield from pages.take(self._send(pages.request(offsets[0])))

    def _walk_in_parallel(self, pages: CallPages) -> Iterator[CallStatusResponse]:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - seldom needed

        under_way: dict[int, Future[CallListResponse]] = {}
        with ThreadPoolExecutor(pages.parallel) as threads:
            try:
                while offsets := pages.plan():
                    for stale in under_way.keys() - set(offsets):
                        under_way.pop(stale).cancel()
                    for offset in offsets:
                        if offset not in under_way:
                            request = pages.request(offset)
                            under_way[offset] = threads.submit(self._send, request)
                    yield from pages.take(under_way.pop(offsets[0]).result())
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ClientPart:
    """A part of a client, which sends as the whole does."""

    def __init__(self, client: PamelaClient) -> None:
        self._client = client

    def _send(self, request: Request[T]) -> T:
        return self._client._send(request)


class UsageClient(ClientPart):
    """Usage, as `client.usage`."""

    get = blocking(_endpoints.get_usage)


class PartnerClient:
    """The partner API, as `client.partner`: asks for a user token, not a key."""

    def __init__(self, client: PamelaClient) -> None:
        self.api_keys = ApiKeysClient(client)
        self.subscription = SubscriptionClient(client)


class ApiKeysClient(ClientPart):
    """API keys, as `client.partner.api_keys`."""

    create = blocking(_partner_endpoints.create_api_key)
    list = blocking(_partner_endpoints.list_api_keys)
    revoke = blocking(_partner_endpoints.revoke_api_key)


class SubscriptionClient(ClientPart):
    """The subscription, as `client.partner.subscription`."""

    get = blocking(_partner_endpoints.get_subscription)
    access = blocking(_partner_endpoints.get_access)
    checkout = blocking(_partner_endpoints.open_checkout)
    portal = blocking(_partner_endpoints.open_portal)


Pamela = PamelaClient
