"""Departures: the last question before a request leaves, and whether it has left."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from billing.ports import MayGo


class HeldBack(Exception):
    """The sender may no longer send: nothing that counts has left."""


@dataclass(slots=True)
class Departure:
    """One request on its way out."""

    may_go: MayGo
    left: bool = False  # a byte of it may have been written
    held: bool = False  # it was refused, and so never was a whole request

    def allowed(self) -> bool:
        """Ask for the next bytes, and note the answer."""
        if not self.may_go():
            self.held = True
            return False
        self.left = True
        return True


_CURRENT: ContextVar[Departure | None] = ContextVar("departure", default=None)


@contextmanager
def departing(may_go: MayGo) -> Iterator[Departure]:
    """Ask `may_go` before anything that this thread writes in the block."""
    departure = Departure(may_go)
    token = _CURRENT.set(departure)
    try:
        yield departure
    finally:
        _CURRENT.reset(token)


class AskingConnection(HTTPConnection):
    """A connection that asks once it stands, right before it writes.

    The head and the body are written, and so asked for, one after the other: a
    request that is refused in between lacks its body, and the connection is closed.
    """

    _connecting = False

    def connect(self) -> None:
        """Connect; what is said to a proxy on the way is not the request."""
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        """Write bytes; raises HeldBack, with the connection closed."""
        departure = _CURRENT.get()
        if departure is not None and not self._connecting:
            if self.sock is None:
                self.connect()
            if not departure.allowed():
                self.close()
                raise HeldBack
        super().send(data)


class AskingTLSConnection(AskingConnection, HTTPSConnection):
    """The same over TLS."""


class AskingPool(HTTPConnectionPool):
    """A pool of connections that ask."""

    ConnectionCls = AskingConnection


class AskingTLSPool(HTTPSConnectionPool):
    """A pool of connections over TLS that ask."""

    ConnectionCls = AskingTLSConnection


class AskingAdapter(HTTPAdapter):
    """Makes a session write through connections that ask."""

    POOLS: ClassVar = {"http": AskingPool, "https": AskingTLSPool}

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = self.POOLS

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Make the pools for connections by way of a proxy."""
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = self.POOLS
        return manager
