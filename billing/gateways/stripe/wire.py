"""The wire to Stripe: connections of which every answer is bounded."""

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from billing.gateways.bounded_answer import BoundedResponse


class BoundedConnection(HTTPConnection):
    """A connection whose answers are bounded."""

    response_class = BoundedResponse


class BoundedTLSConnection(BoundedConnection, HTTPSConnection):
    """The same over TLS."""


def pools_of(
    plain: type[HTTPConnection], tls: type[HTTPSConnection]
) -> dict[str, type[HTTPConnectionPool]]:
    """Return the pools of two kinds of connections, by the scheme of a URL."""

    class Pool(HTTPConnectionPool):
        ConnectionCls = plain

    class TLSPool(HTTPSConnectionPool):
        ConnectionCls = tls

    return {"http": Pool, "https": TLSPool}
