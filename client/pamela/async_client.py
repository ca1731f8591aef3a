"""The client on an event loop: the same methods, awaited."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from pamela import _endpoints, _pages, _partner_endpoints
from pamela._client_base import ClientBase
from pamela._methods import awaiting, walking_async
from pamela._pages import CallPages
from pamela._requests import Request
from pamela.types import CallListResponse, CallStatusResponse

if TYPE_CHECKING:
    import httpx2

    from pamela._exchange import Limits

T = TypeVar("T")


class AsyncPamelaClient(ClientBase["httpx2.AsyncBaseTransport"]):
    """Speaks to the Pamela voice API from one event loop; close it in the end."""

    create_call = awaiting(_endpoints.create_call)
    get_call = awaiting(_endpoints.get_call)
    list_calls = awaiting(_endpoints.list_calls)
    iter_calls = walking_async(_pages.iter_calls)
    cancel_call = awaiting(_endpoints.cancel_call)
    hangup_call = awaiting(_endpoints.hangup_call)
    register_tool = awaiting(_endpoints.register_tool)
    list_tools = awaiting(_endpoints.list_tools)
    delete_tool = awaiting(_endpoints.delete_tool)
    get_usage = awaiting(_endpoints.get_usage)
    server_time = awaiting(_endpoints.server_time)

    async def close(self) -> None:
        """Close all connections; later requests are refused."""
        await self._transport.close()

    def _open(
        self,
        limits: "Limits",
        transport: "httpx2.AsyncBaseTransport | None",
        proxy: str | None,
    ) -> None:
        from pamela._async_transport import AsyncTransport  # noqa: PLC0415 - it loads httpx2

        self._transport = AsyncTransport(
            self.base_url,
            self.api_key,
            limits,
            self.retries,
            transport=transport,
            proxy=proxy,
        )
        self.usage = AsyncUsageClient(self)
        self.partner = AsyncPartnerClient(self)

    async def _send(self, request: Request[T]) -> T:
        return await self._transport.send(self._authorized(request))

    async def _walk(self, pages: CallPages) -> AsyncIterator[CallStatusResponse]:
        under_way: dict[int, asyncio.Task[CallListResponse]] = {}
        try:
            while offsets := pages.plan():
                for stale in under_way.keys() - set(offsets):
                    under_way.pop(stale).cancel()
                for offset in offsets:
                    if offset not in under_way:
                        sending = self._send(pages.request(offset))
                        under_way[offset] = asyncio.create_task(sending)
                for call in pages.take(await under_way.pop(offsets[0])):
                    yield call
        finally:
            for task in under_way.values():
                task.cancel()
            await asyncio.gather(*under_way.values(), return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncPart:
    """A part of a client, which sends as the whole does."""

    def __init__(self, client: AsyncPamelaClient) -> None:
        self._client = client

    async def _send(self, request: Request[T]) -> T:
        return await self._client._send(request)


class AsyncUsageClient(AsyncPart):
    """Usage, as `client.usage`."""

    get = awaiting(_endpoints.get_usage)


class AsyncPartnerClient:
    """The partner API, as `client.partner`: asks for a user token, not a key."""

    def __init__(self, client: AsyncPamelaClient) -> None:
        self.api_keys = AsyncApiKeysClient(client)
        self.subscription = AsyncSubscriptionClient(client)


class AsyncApiKeysClient(AsyncPart):
    """API keys, as `client.partner.api_keys`."""

    create = awaiting(_partner_endpoints.create_api_key)
    list = awaiting(_partner_endpoints.list_api_keys)
    revoke = awaiting(_partner_endpoints.revoke_api_key)


class AsyncSubscriptionClient(AsyncPart):
    """The subscription, as `client.partner.subscription`."""

    get = awaiting(_partner_endpoints.get_subscription)
    access = awaiting(_partner_endpoints.get_access)
    checkout = awaiting(_partner_endpoints.open_checkout)
    portal = awaiting(_partner_endpoints.open_portal)
