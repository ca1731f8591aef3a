"""Web addresses: whom the service may speak to, and by which way."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def check_web_address(address: str) -> str:
    """Return the address of an API; raises ValueError.

    It is https, since a key goes there; but on this very machine nobody listens.
    """
    parts = _split(address)
    if parts.scheme != "https" and not is_loopback(address):
        raise ValueError("the URL must be https, save on this very machine")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the URL must be a host and at most a path")
    return address


def check_proxy(address: str) -> str:
    """Return the address of a proxy; raises ValueError."""
    parts = _split(address)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("a proxy is http(s)://[NAME:PASSWORD@]HOST:PORT, nothing else")
    return address


def is_loopback(address: str) -> bool:
    """Say whether an address is on this very machine."""
    host = _split(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(address: str) -> SplitResult:
    # A password may stand in it, so the words of a refusal never repeat it.
    if not all("!" <= character <= "~" for character in address):
        raise ValueError("a URL is printable ASCII without spaces")
    try:
        parts = urlsplit(address)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as a name server is asked for it
    except ValueError:
        raise ValueError("the URL's host or port makes no sense") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("give http://HOST:PORT or https://HOST")
    return parts
