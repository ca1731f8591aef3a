"""The connections to Stripe: by a proxy that is named, past a .netrc."""

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
import stripe

from billing.domain.request_rates import Rates
from billing.gateways.patience import Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.http import PooledClient

HEADERS = {"Authorization": "Bearer sk_test_own"}


@contextmanager
def listening() -> Iterator[tuple[int, list[tuple[str, dict[str, str]]]]]:
    """Answer every request with `{}`, and note its first line and its headers."""
    heard: list[tuple[str, dict[str, str]]] = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.requestline, dict(self.headers)))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_CONNECT(self) -> None:
            heard.append((self.requestline, dict(self.headers)))
            self.send_error(403)

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port, heard
        server.shutdown()


def ask(url: str, proxy: str | None = None) -> tuple[bytes, int]:
    client = PooledClient(
        url, pace=Pace(Rates.alike(1_000)), patience=Patience(5), proxy=proxy
    )
    body, status, _ = client.request("get", f"{url}/v1/meters?limit=1", HEADERS)
    client.close()
    return body, status


@pytest.mark.parametrize("place", ["{other}/v1/meters", "{own}.evil/v1/meters"])
def test_the_key_goes_nowhere_else(place: str) -> None:
    with listening() as (own, asked), listening() as (other, heard):
        address = f"http://127.0.0.1:{own}"
        client = PooledClient(
            address, pace=Pace(Rates.alike(1_000)), patience=Patience(5)
        )
        url = place.format(own=address, other=f"http://127.0.0.1:{other}")
        with pytest.raises(stripe.APIConnectionError, match="is not at"):
            client.request("get", url, HEADERS)
        client.close()
    assert (asked, heard) == ([], [])


def test_a_request_goes_straight_to_its_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with listening() as (port, heard):
        assert ask(f"http://127.0.0.1:{port}") == (b"{}", 200)
    [(line, headers)] = heard
    assert line == "GET /v1/meters?limit=1 HTTP/1.1"
    assert headers["Authorization"] == HEADERS["Authorization"]


def test_a_proxy_that_is_named_is_used_with_its_login(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as (port, heard):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        proxy = f"http://127.0.0.1:{port}"
        assert ask("http://stripe.test", proxy) == (b"{}", 200)
        with pytest.raises(stripe.APIConnectionError, match="403"):
            ask("https://stripe.test", f"http://me:secret@127.0.0.1:{port}")
    (line, headers), (tunnel, tunnel_headers) = heard
    assert line == "GET http://stripe.test/v1/meters?limit=1 HTTP/1.1"
    assert headers["Authorization"] == HEADERS["Authorization"]
    assert tunnel.startswith("CONNECT stripe.test:443")
    login = base64.b64encode(b"me:secret").decode()
    assert tunnel_headers["proxy-authorization"] == f"Basic {login}"
    assert "Authorization" not in tunnel_headers


def test_the_environment_s_proxies_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as (port, heard):
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(stripe.APIConnectionError):
            ask("https://stripe.invalid")
    assert not heard


def test_no_answer_is_a_connection_error_that_is_not_tried_again() -> None:
    with listening() as (port, _):
        pass
    with pytest.raises(stripe.APIConnectionError, match="refused") as caught:
        ask(f"http://127.0.0.1:{port}")
    assert not caught.value.should_retry


PRINTING = """
from tests.gateways.scripted import METER_ROW, meter_at, serving
from tests.gateways.scripted import listing
with serving(lambda _: listing(METER_ROW)) as server, meter_at(server.url) as meter:
    print(meter.describe().meter_id)
"""


@pytest.mark.parametrize("level", ["debug", "info"])
def test_the_library_prints_nothing_whatever_the_environment_says(level: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PRINTING],
        env=os.environ | {"STRIPE_LOG": level, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (finished.stdout, finished.stderr) == ("mtr_1\n", "")


def answered(request: str) -> str:
    """Word an answer that repeats which request it is for."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(request)}\r\n\r\n{request}"


@contextmanager
def hinting(status: int) -> Iterator[str]:
    """Answer with the path that was asked for, some time after a hint at an answer."""

    class Hinter(BaseRequestHandler):
        def handle(self) -> None:
            while head := self.request.recv(65_536).decode():
                path = head.split()[1]
                hint = f"HTTP/1.1 {status} Soon\r\nLink: </x>\r\n\r\n"
                self.request.sendall(hint.encode())
                time.sleep(0.05)
                self.request.sendall(answered(path).encode())

    with ThreadingTCPServer(("127.0.0.1", 0), Hinter) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_a_hint_at_an_answer_is_never_taken_for_it(status: int) -> None:
    with hinting(status) as url:
        client = PooledClient(url, pace=Pace(Rates.alike(1_000)), patience=Patience(5))
        for name in ("/one", "/two", "/three"):
            body, said, _ = client.request("get", f"{url}{name}", HEADERS)
            assert (body.decode(), said) == (name, 200)
        client.close()


def test_a_server_that_leaves_the_protocol_gives_no_answer() -> None:
    with hinting(101) as url, pytest.raises(stripe.APIConnectionError, match="switch"):
        ask(url)
