"""Web addresses: whom the service may speak to, and by which way."""

import pytest

from billing.domain.web_address import check_proxy, check_web_address, is_loopback


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example.com",
        "https://api.example.com:8443/v1",
        "http://localhost:8765",
        "http://pamela.localhost/",
        "http://127.0.0.1:1",
        "http://[::1]:8765/v1",
    ],
)
def test_an_api_is_spoken_to_in_secret_save_on_this_machine(address: str) -> None:
    assert check_web_address(address) == address


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://api.example.com", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("https://ada@api.example.com", "a host and at most a path"),
        ("https://:word@api.example.com", "a host and at most a path"),
        ("https://api.example.com/?a=1", "a host and at most a path"),
        ("https://api.example.com/#a", "a host and at most a path"),
        ("https://api.example.com:99999", "host or port makes no sense"),
        ("https://[::1", "host or port makes no sense"),
        ("https://api..example.com", "host or port makes no sense"),
        (f"https://{'a' * 64}.example.com", "host or port makes no sense"),
        ("https://api.example.com:0", "give http://HOST:PORT"),
        ("ftp://api.example.com", "give http://HOST:PORT"),
        ("https://", "give http://HOST:PORT"),
        ("api.example.com", "give http://HOST:PORT"),
        ("https://api.example.com/ x", "printable ASCII"),
        ("https://\u00e4pi.example.com", "printable ASCII"),
        ("https://api.example.com\x7f", "printable ASCII"),
    ],
)
def test_anything_else_is_no_api(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        check_web_address(address)
    assert "word" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy:3128",
        "https://ada:word@proxy.example.com:3128/",
        "http://10.0.0.1",
    ],
)
def test_a_proxy_may_have_a_name_and_a_password(address: str) -> None:
    assert check_proxy(address) == address


@pytest.mark.parametrize(
    "address",
    ["http://proxy/path", "http://proxy/?a=1", "http://proxy:3128#a", "socks5://proxy"],
)
def test_a_proxy_is_a_host_and_nothing_else(address: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        check_proxy(address)


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("http://localhost", True),
        ("http://127.9.9.9", True),
        ("http://[::1]", True),
        ("http://alocalhost", False),
        ("http://192.168.0.1", False),
        ("https://example.com", False),
    ],
)
def test_this_very_machine_is_known(address: str, is_here: bool) -> None:
    assert is_loopback(address) is is_here
