"""An answer of Stripe is that of its own request, whatever was sent behind another."""

from contextlib import suppress

import pytest
import stripe

from billing.domain.request_rates import Rates
from billing.gateways.patience import Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.http import PooledClient
from tests.client.scripted import http
from tests.client.test_next_answer import BEHIND, TRUE, UNCLEAR, saying


def ask(client: PooledClient, url: str) -> bytes:
    body, _, _ = client.request("get", f"{url}/v1/meters", {})
    return body


def client_of(url: str) -> PooledClient:
    return PooledClient(url, pace=Pace(Rates.alike(1_000)), patience=Patience(2))


@pytest.mark.parametrize("name", BEHIND)
def test_what_comes_behind_an_answer_is_never_the_next_one(name: str) -> None:
    with saying(BEHIND[name]) as server:
        client = client_of(server.url)
        assert ask(client, server.url) in {TRUE, b"", b"{}"}
        for _ in range(2):
            assert ask(client, server.url) == TRUE
        client.close()
        assert server.connections == 2


def test_an_answer_with_nothing_behind_it_keeps_its_connection() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    empty = b"HTTP/1.1 204 None\r\n\r\n"
    with saying(http(TRUE), chunks, empty, http(b"")) as server:
        client = client_of(server.url)
        for _ in range(5):
            ask(client, server.url)
        client.close()
        assert server.connections == 1


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_answer_whose_end_is_unclear_is_none(name: str) -> None:
    chunks = b"10\r\n" + TRUE + b"\r\n0\r\n\r\n"
    with saying(b"HTTP/1.1 200 OK\r\n" + UNCLEAR[name] + b"\r\n" + chunks) as server:
        client = client_of(server.url)
        with pytest.raises(stripe.APIConnectionError, match=r"end|length|coding"):
            ask(client, server.url)
        with suppress(stripe.APIConnectionError):
            assert ask(client, server.url) == TRUE
        client.close()
