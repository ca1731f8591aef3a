"""The connections to Stripe: one pool, one pace of reads, and their retries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import requests
import stripe
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from billing.gateways.pacing import Pacer
from billing.gateways.retries import Sleep, read_with_retries
from billing.gateways.stripe_answers import fault_of

T = TypeVar("T")
MOST_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class StripeReads:
    """Reads from one account, each in its turn, tried again by the law."""

    client: stripe.StripeClient
    pace: Pacer
    sleep: Sleep

    def ask(self, read: Callable[[stripe.StripeClient], T]) -> T:
        """Read; raises MeterFault when there is no answer."""

        def once() -> T:
            self.pace.wait()
            try:
                return read(self.client)
            except stripe.StripeError as fault:
                raise fault_of(fault) from fault

        return read_with_retries(once, sleep=self.sleep)


def open_session(url: str) -> requests.Session:
    """Return one pool of connections for all threads, which lasts over all runs."""
    session = requests.Session()
    # The environment's proxies are read once, not at each request; and a .netrc,
    # which would take the place of the API key, is never read.
    session.trust_env = False
    session.max_redirects = 0
    session.proxies.update(get_environ_proxies(url))
    adapter = HTTPAdapter(pool_maxsize=MOST_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
