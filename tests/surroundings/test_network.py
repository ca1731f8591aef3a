"""The way out: one rule for both APIs, and no key goes anywhere in clear."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from billing.adapters import make_meter, make_source, proxy_for
from billing.domain.web_address import check_web_address, is_loopback
from billing.errors import BillingError, SettingsFault
from billing.settings import Settings, read_settings

SETTINGS = """
[stripe]
api_key = "env:STRIPE"
{stripe}
[billing]
first_period = "2026-01"
[[accounts]]
name = "main"
api_key = "env:PAMELA"
customer = "acme"
{account}
[[customers]]
name = "acme"
stripe_customer = "cus_1"
{network}
"""
KEYS = {"STRIPE": "sk_test_1", "PAMELA": "pk_live_1"}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def settings_with(folder: Path, **parts: str) -> Settings:
    text = SETTINGS.format(**{"stripe": "", "account": "", "network": "", **parts})
    file = folder / "billing.toml"
    file.write_text(text)
    return read_settings(file)


@contextmanager
def a_proxy() -> Iterator[tuple[str, list[str]]]:
    """Refuse every tunnel, and note where it was to lead."""
    tunnels: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            tunnels.append(f"{self.path} {self.headers['Proxy-Authorization']}")
            self.send_error(403)

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", tunnels
        server.shutdown()


def ask_both(settings: Settings, folder: Path) -> None:
    meter, _ = make_meter(settings, folder, lambda _: None)
    source = make_source(settings, settings.accounts[0], folder, lambda _: None)
    with suppress(BillingError):
        meter.describe()
    with suppress(BillingError):
        source.server_time()
    meter.close()
    source.close()


def test_both_apis_are_reached_through_the_proxy_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_proxy() as (place, tunnels):
        monkeypatch.setenv("WAY_OUT", f"http://me:secret@{place}")
        network = '[network]\nproxy = "env:WAY_OUT"'
        ask_both(settings_with(tmp_path, network=network), tmp_path)
        assert {tunnel.split(":443 ")[0] for tunnel in tunnels} == {
            "api.stripe.com",
            "api.thisispamela.com",
        }
        assert all(tunnel.endswith("Basic bWU6c2VjcmV0") for tunnel in tunnels)


def test_this_very_machine_is_reached_without_a_proxy(tmp_path: Path) -> None:
    settings = settings_with(
        tmp_path, network='[network]\nproxy = "http://proxy.test:3128"'
    )
    for address in ("http://127.0.0.1:1", "http://localhost", "https://[::1]:8443/x"):
        assert proxy_for(settings, tmp_path, address) is None
    for remote in (None, "https://api.stripe.com", "https://127.0.0.1.example"):
        assert proxy_for(settings, tmp_path, remote) == "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("env:NOBODY", "the environment variable NOBODY is not set"),
        ("proxy:3128", "give http"),
        ("http://proxy:port", "makes no sense"),
        ("http://me:hush@proxy:1", "name it as env:NAME"),
        ("http://proxy/path", "nothing else"),
        ("", "give http"),
    ],
)
def test_a_proxy_of_no_use_is_one_sentence(
    tmp_path: Path, proxy: str, why: str
) -> None:
    settings = settings_with(tmp_path, network=f'[network]\nproxy = "{proxy}"')
    with pytest.raises(SettingsFault, match=f"network.proxy: .*{why}") as refusal:
        make_meter(settings, tmp_path, lambda _: None)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("section", ["stripe", "account"])
@pytest.mark.parametrize(
    "address", ["http://api.stripe.com", "http://10.0.0.1:1", "ftp://x", "http://h:x"]
)
def test_no_key_leaves_this_machine_in_clear(
    tmp_path: Path, section: str, address: str
) -> None:
    with pytest.raises(SettingsFault, match="base_url"):
        settings_with(tmp_path, **{section: f'base_url = "{address}"'})


def test_the_sandbox_s_clock_is_read_by_https_too(tmp_path: Path) -> None:
    clock = '[sandbox]\nclock_url = "http://clock.example/time"'
    with pytest.raises(SettingsFault, match=r"sandbox\.clock_url: .*must be https"):
        settings_with(tmp_path, network=clock)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1", "http://localhost:1/x", "https://h", "http://[::1]"],
)
def test_an_address_that_nobody_can_listen_to_is_taken(address: str) -> None:
    assert check_web_address(address) == address
    assert is_loopback(address) is not address.startswith("https")
