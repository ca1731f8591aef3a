"""How stripe-python reaches Stripe: one pool of connections, and nothing in between.

The library's own client goes through a session of `requests`, which takes a quarter of
the time of a send for cookies, redirects and hooks that nobody here wants.
"""

import logging
from collections.abc import Mapping
from typing import Any

import stripe
import stripe._util
import urllib3
from requests.utils import get_auth_from_url

from billing.domain.foreign_text import first_words
from billing.gateways.bounded_answer import bounded_exchange
from billing.gateways.patience import USUAL, Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.answers import AnswerTooLarge
from billing.gateways.stripe.fields import NONSENSE
from billing.gateways.stripe.send_guard import GUARDED_POOLS, HeldBack

MOST_CONNECTIONS = 16
TOO_MANY, REASON = 429, "Stripe-Rate-Limited-Reason"
IN_USE = b'"lock_timeout"'  # it names something that was in use, and no rate
# A page of invoices with all their lines has some 300 kB and 5,000 parts; what many
# threads read at once has to fit into memory, decoded.
MOST_BYTES = 1_000_000
MOST_PARTS = 50_000  # objects and lists
# A refusal is a few words, and the library makes much of each of its parts.
MOST_BYTES_OF_A_REFUSAL = 65_536
_CHUNK_BYTES = 65_536
# The library would print whole answers, past every gate, if the environment says so.
stripe._util.STRIPE_LOG = None  # it has no public switch
logging.getLogger("stripe").disabled = True


class PooledClient(stripe.HTTPClient):
    """Sends for all threads over connections that are kept; never sends twice.

    Each request waits for its turn, whoever asks and for whatever. A `.netrc`, which
    could take the place of the API key, is never read.
    """

    name = "urllib3"

    def __init__(
        self,
        url: str,
        *,
        pace: Pace,
        patience: Patience = USUAL,
        proxy: str | None = None,
        connections: int = MOST_CONNECTIONS,
    ) -> None:
        """Make the pool for a base URL; the environment's proxies are never used.

        More threads than there are `connections` open others, which are not kept.
        """
        super().__init__()
        self._address = url
        self._patience = patience
        self._pace = pace
        self._pool = _pool_for(proxy, patience.step, connections)
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
        if not url.startswith(f"{self._address}/"):
            # The key goes nowhere else, whatever an answer names as its next page.
            raise _no_answer(f"{first_words(url, 200)} is not at {self._address}")
        self._pace.wait(method, url)
        pool: urllib3.PoolManager | urllib3.HTTPConnectionPool = self._pool
        target = url
        if self._host is not None:
            pool, target = self._host, url.removeprefix(self._address)
        with bounded_exchange(self._patience.whole, MOST_BYTES) as exchange:
            try:
                answer = pool.urlopen(
                    method.upper(),
                    target,
                    body=post_data,
                    headers=headers,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
                body = _whole_body(answer)
            except (urllib3.exceptions.HTTPError, HeldBack, *NONSENSE) as fault:
                if exchange.too_large:
                    raise _too_large(f"it has over {MOST_BYTES:,} bytes") from fault
                words = first_words(f"{type(fault).__name__}: {fault}", 500)
                raise _no_answer(words) from fault
        if answer.status == TOO_MANY and IN_USE not in body:
            self._pace.refused(method, url, answer.headers.get(REASON))
        _refuse_excess(answer.status, body)
        return body, answer.status, answer.headers

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def _whole_body(answer: urllib3.BaseHTTPResponse) -> bytes:
    """Read an answer to its end; one that is left unread takes its connection along."""
    is_whole = False
    try:
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            shown = first_words(encoding, 40)
            raise ValueError(f"nobody asked for the encoding {shown!r}")
        body = b"".join(answer.stream(_CHUNK_BYTES, decode_content=False))
        is_whole = True
        return body
    finally:
        if not is_whole:
            answer.close()
        answer.release_conn()


def _refuse_excess(status: int, body: bytes) -> None:
    if not 200 <= status < 300 and len(body) > MOST_BYTES_OF_A_REFUSAL:
        raise _too_large(f"a refusal (HTTP {status}) has {len(body):,} bytes")
    if body.count(b"{") + body.count(b"[") > MOST_PARTS:
        raise _too_large(f"it has over {MOST_PARTS:,} objects and lists")


def _no_answer(words: str) -> stripe.APIConnectionError:
    no_answer: Any = stripe.APIConnectionError
    error: stripe.APIConnectionError = no_answer(words, should_retry=False)
    return error


def _too_large(words: str) -> AnswerTooLarge:
    too_large: Any = AnswerTooLarge
    error: AnswerTooLarge = too_large(
        f"an answer is larger than any should be: {words}", should_retry=False
    )
    return error


def _pool_for(
    proxy: str | None, step_seconds: float, connections: int
) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": connections,
        "retries": False,
        "timeout": step_seconds,
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
