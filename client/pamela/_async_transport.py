"""One exchange with the server on an event loop, inside the client's limits."""

import asyncio
import math
import ssl
import time
from typing import TypeVar

import httpx2
import tenacity

from pamela._answers import read_answer
from pamela._connections import KEEPALIVE_SECONDS, goes_on
from pamela._exchange import Limits, Wire, taking, translated
from pamela._requests import Answer, Request
from pamela.exceptions import PamelaConnectionError
from pamela.retries import RetryPolicy, retry_options

T = TypeVar("T")


class AsyncTransport(Wire):
    """Sends requests to one server with one key, from one event loop."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        limits: Limits,
        policy: RetryPolicy | None,
        *,
        transport: httpx2.AsyncBaseTransport | None,
        proxy: str | None,
    ) -> None:
        super().__init__(base_url, api_key, limits, policy)
        self._transport = transport or httpx2.AsyncHTTPTransport(
            # Certificates take long to load, and plain loopback has no use for them.
            verify=httpx2.create_ssl_context(trust_env=False)
            if base_url.startswith("https:")
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            proxy=proxy,
            limits=httpx2.Limits(
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
            ),
        )

    async def send(self, request: Request[T]) -> T:
        """Return what the endpoint promises, after as many attempts as are allowed."""
        if self._policy is None:
            return await self._once(request, math.inf)
        until = time.monotonic() + self._policy.deadline
        tries = tenacity.AsyncRetrying(**retry_options(self._policy, request))
        return await tries(self._once, request, until)

    async def _once(self, request: Request[T], until: float) -> T:
        return read_answer(request, await self._exchange(request, until))

    async def _exchange(self, request: Request[object], until: float) -> Answer:
        deadline = self._deadline(until)
        outgoing = self._outgoing(request, self._limits.timeout)
        with translated(PamelaConnectionError):
            async with asyncio.timeout(deadline - time.monotonic()):
                response = await self._transport.handle_async_request(outgoing)
        try:
            with taking(response, self._limits.max_response_bytes, deadline) as reading:
                reading.begin()
                async with asyncio.timeout(deadline - time.monotonic()):
                    async for chunk in response.stream:  # type: ignore[union-attr] # async transports give async streams
                        reading.add(chunk)
        finally:
            await _close(response)
        return reading.answer

    async def close(self) -> None:
        """Close all connections; later requests are refused."""
        self._closed = True
        await self._transport.aclose()


async def _close(response: httpx2.Response) -> None:
    connection = response.extensions.get("network_stream")
    if connection and goes_on(getattr(response.stream, "_httpcore_stream", None)):
        # A connection that is shut is given to no other request.
        await connection.aclose()
    await response.aclose()
