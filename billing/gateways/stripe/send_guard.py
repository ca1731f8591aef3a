"""Departures: the last question before a request leaves, and whether it has left."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from billing.ports import MaySend


class HeldBack(Exception):
    """The sender may no longer send: nothing has left."""


@dataclass(slots=True)
class SendGuard:
    """One request on its way out."""

    may_send: MaySend
    left: bool = False  # a byte of it may have been written
    held: bool = False  # it was refused, and nothing was written

    def allowed(self) -> bool:
        """Ask whether it may leave, and note the answer."""
        self.left = self.may_send()
        self.held = not self.left
        return self.left


_CURRENT: ContextVar[SendGuard | None] = ContextVar("departure", default=None)


@contextmanager
def guarded_send(may_send: MaySend) -> Iterator[SendGuard]:
    """Ask `may_go` before this thread writes its request in the block."""
    send_guard = SendGuard(may_send)
    token = _CURRENT.set(send_guard)
    try:
        yield send_guard
    finally:
        _CURRENT.reset(token)


class GuardedConnection(HTTPConnection):
    """A connection that asks once, when it stands, right before it writes.

    Head and body are gathered and written as one: there is no part of a request that
    could leave before the question, nor after a refusal.
    """

    _gathered: list[bytes] | None = None

    def request(self, *args: Any, **more: Any) -> None:
        """Write a request; raises HeldBack, with the connection closed."""
        send_guard = _CURRENT.get()
        if send_guard is None:
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
        if not send_guard.allowed():
            self.close()
            raise HeldBack
        self.send(whole)

    def send(self, data: Any) -> None:
        """Write bytes, or gather them."""
        if self._gathered is None:
            super().send(data)
        else:
            self._gathered.append(bytes(data))


class GuardedTLSConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS."""


class GuardedPool(HTTPConnectionPool):
    """A pool of connections that ask."""

    ConnectionCls = GuardedConnection


class GuardedTLSPool(HTTPSConnectionPool):
    """A pool of connections over TLS that ask."""

    ConnectionCls = GuardedTLSConnection


GUARDED_POOLS = {"http": GuardedPool, "https": GuardedTLSPool}
