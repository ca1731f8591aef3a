"""The send guard: the last check before a request is written, and what it decided."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from billing.gateways.stripe.wire import (
    BoundedConnection,
    BoundedTLSConnection,
    pools_of,
)
from billing.ports import MaySend


class HeldBack(Exception):
    """The sender may no longer send: nothing has left."""


@dataclass(slots=True)
class SendGuard:
    """One request on its way out."""

    may_send: MaySend
    released: bool = False  # a byte of it may have been written
    refused: bool = False  # it was refused, and nothing was written

    def allowed(self) -> bool:
        """Ask whether it may be sent, and note the answer."""
        self.released = self.may_send()
        self.refused = not self.released
        return self.released


# One guard a thread: a request is written by the thread that guards it, so the
# connections of a shared pool find the guard of whoever uses them now.
_CURRENT: ContextVar[SendGuard | None] = ContextVar("send_guard", default=None)


@contextmanager
def guarded_send(may_send: MaySend) -> Iterator[SendGuard]:
    """Ask `may_send` before this thread writes its request in the block."""
    send_guard = SendGuard(may_send)
    token = _CURRENT.set(send_guard)
    try:
        yield send_guard
    finally:
        _CURRENT.reset(token)


class GuardedConnection(BoundedConnection):
    """A connection that checks once, when it stands, right before it writes.

    Head and body are gathered and written as one: there is no part of a request that
    could leave before the check, nor after a refusal.
    """

    _gathered: list[bytes] | None = None

    def request(self, *args: Any, **more: Any) -> None:
        """Write a request; raises HeldBack, with the connection closed."""
        send_guard = _CURRENT.get()
        # Reads share these connections and are free to leave at any time.
        if send_guard is None:
            super().request(*args, **more)
            return
        self._gathered = []
        try:
            super().request(*args, **more)
            whole = b"".join(self._gathered)
        finally:
            self._gathered = None
        # Connecting may take seconds, in which the lock on the customer can be lost.
        if self.sock is None:
            self.connect()
        if not send_guard.allowed():
            # http.client counts this request as sent: the connection takes no other.
            self.close()
            raise HeldBack
        self.send(whole)

    def send(self, data: Any) -> None:
        """Write bytes, or gather them."""
        if self._gathered is None:
            super().send(data)
        else:
            self._gathered.append(bytes(data))


class GuardedTLSConnection(GuardedConnection, BoundedTLSConnection):
    """The same over TLS."""


GUARDED_POOLS = pools_of(GuardedConnection, GuardedTLSConnection)
