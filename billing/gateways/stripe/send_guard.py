"""Departures: the last question before a request leaves, and whether it has left."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from billing.ports import MayGo


class HeldBack(Exception):
    """The sender may no longer send: nothing has left."""


@dataclass(slots=True)
class Departure:
    """One request on its way out."""

    may_go: MayGo
    left: bool = False  # a byte of it may have been written
    held: bool = False  # it was refused, and nothing was written

    def allowed(self) -> bool:
        """Ask whether it may leave, and note the answer."""
        self.left = self.may_go()
        self.held = not self.left
        return self.left


_CURRENT: ContextVar[Departure | None] = ContextVar("departure", default=None)


@contextmanager
def departing(may_go: MayGo) -> Iterator[Departure]:
    """Ask `may_go` before this thread writes its request in the block."""
    departure = Departure(may_go)
    token = _CURRENT.set(departure)
    try:
        yield departure
    finally:
        _CURRENT.reset(token)


class AskingConnection(HTTPConnection):
    """A connection that asks once, when it stands, right before it writes.

    Head and body are gathered and written as one: there is no part of a request that
    could leave before the question, nor after a refusal.
    """

    _gathered: list[bytes] | None = None

    def request(self, *args: Any, **more: Any) -> None:
        """Write a request; raises HeldBack, with the connection closed."""
        departure = _CURRENT.get()
        if departure is None:
            super().request(*args, **more)
            return
        self._gathered = []
        try:
            super().request(*args, **more)
            whole = b"".join(self._gathered)
        finally:
            self._gathered = None
        if self.sock is None:
            self.connect()
        if not departure.allowed():
            self.close()
            raise HeldBack
        self.send(whole)

    def send(self, data: Any) -> None:
        """Write bytes, or gather them."""
        if self._gathered is None:
            super().send(data)
        else:
            self._gathered.append(bytes(data))


class AskingTLSConnection(AskingConnection, HTTPSConnection):
    """The same over TLS."""


class AskingPool(HTTPConnectionPool):
    """A pool of connections that ask."""

    ConnectionCls = AskingConnection


class AskingTLSPool(HTTPSConnectionPool):
    """A pool of connections over TLS that ask."""

    ConnectionCls = AskingTLSConnection


ASKING_POOLS = {"http": AskingPool, "https": AskingTLSPool}
