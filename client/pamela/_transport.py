"""One blocking exchange with the server, inside the client's limits."""

import math
import time
from typing import TypeVar

import httpx2
import tenacity

from pamela._answers import read_answer
from pamela._connections import DeadlineTransport, StepTimeout
from pamela._exchange import Limits, Wire, taking, translated
from pamela._requests import Answer, Request
from pamela.exceptions import PamelaConnectionError
from pamela.retries import RetryPolicy, retry_options

T = TypeVar("T")


class Transport(Wire):
    """Sends requests to one server with one key; safe to share between threads."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        limits: Limits,
        policy: RetryPolicy | None,
        *,
        transport: httpx2.BaseTransport | None,
        proxy: str | None,
    ) -> None:
        super().__init__(base_url, api_key, limits, policy)
        self._transport = transport or DeadlineTransport(
            limits.max_connections,
            # Certificates take long to load, and plain loopback has no use for them.
            httpx2.create_ssl_context(trust_env=False)
            if base_url.startswith("https:")
            else None,
            proxy,
        )

    def send(self, request: Request[T]) -> T:
        """Return what the endpoint promises, after as many attempts as are allowed."""
        if self._policy is None:
            return read_answer(request, self._exchange(request, math.inf))
        until = time.monotonic() + self._policy.deadline
        tries = tenacity.Retrying(**retry_options(self._policy, request))
        return tries(lambda: read_answer(request, self._exchange(request, until)))

    def _exchange(self, request: Request[object], until: float) -> Answer:
        deadline = self._deadline(until)
        step = StepTimeout(self._limits.timeout, deadline)
        outgoing = self._outgoing(request, step)
        with translated(PamelaConnectionError):
            response = self._transport.handle_request(outgoing)
        try:
            with taking(response, self._limits.max_response_bytes, deadline) as reading:
                reading.begin()
                for chunk in response.stream:  # type: ignore[union-attr] # sync transports give sync streams
                    reading.add(chunk)
        finally:
            response.close()
        return reading.answer

    def close(self) -> None:
        """Close all connections; later requests are refused."""
        self._closed = True
        self._transport.close()
