"""How stripe-python reaches Stripe: one pool of connections, and nothing in between.

The library's own client goes through a session of `requests`, which takes a quarter of
the time of a send for cookies, redirects and hooks that nobody here wants.
"""

from collections.abc import Mapping
from typing import Any

import stripe
import urllib3
from requests.utils import get_auth_from_url

from billing.gateways.stripe.send_guard import GUARDED_POOLS, HeldBack

MOST_CONNECTIONS = 16


class PooledClient(stripe.HTTPClient):
    """Sends for all threads over connections that are kept; never sends twice.

    A `.netrc`, which could take the place of the API key, is never read.
    """

    name = "urllib3"

    def __init__(
        self, url: str, *, timeout_seconds: float, proxy: str | None = None
    ) -> None:
        """Make the pool for a base URL; the environment's proxies are never used."""
        super().__init__()
        self._address = url
        self._pool = _pool_for(proxy, timeout_seconds)
        # Without a proxy the one host's pool is found once, not at each request.
        proxied = isinstance(self._pool, urllib3.ProxyManager)
        self._host = None if proxied else self._pool.connection_from_url(url)

    def request(  # type: ignore[override] # the library itself gives bytes
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send once; raises stripe.APIConnectionError when there is no whole answer."""
        pool: urllib3.PoolManager | urllib3.HTTPConnectionPool = self._pool
        target = url
        if self._host is not None and url.startswith(f"{self._address}/"):
            pool, target = self._host, url.removeprefix(self._address)
        try:
            answer = pool.urlopen(
                method.upper(), target, body=post_data, headers=headers, redirect=False
            )
        except (urllib3.exceptions.HTTPError, OSError, HeldBack) as fault:
            words = f"{type(fault).__name__}: {fault}"
            no_answer: Any = stripe.APIConnectionError
            raise no_answer(words, should_retry=False) from fault
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def _pool_for(proxy: str | None, timeout_seconds: float) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": MOST_CONNECTIONS,
        "retries": False,
        "timeout": timeout_seconds,
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": stripe.ca_bundle_path,
    }
    if proxy is None:
        pool = urllib3.PoolManager(**options)
    else:
        user, password = get_auth_from_url(proxy)
        login = f"{user}:{password}" if user else None
        headers = urllib3.make_headers(proxy_basic_auth=login)
        pool = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    pool.pool_classes_by_scheme = GUARDED_POOLS
    return pool
