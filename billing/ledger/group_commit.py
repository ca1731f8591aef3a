"""Group commit: what many threads write at once becomes durable in one commit."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar, cast

from sqlalchemy import Connection

from billing.ledger.database import Ledger

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class BatchedWrite(Generic[R]):
    """A write that is made together with its like, by the same few statements."""

    record: Callable[[Connection, Sequence[R]], None]
    item: R

    def __call__(self, connection: Connection) -> None:
        """Write it by itself."""
        self.record(connection, [self.item])


class PendingWrite(Protocol[T_co]):
    """A write that was handed in."""

    def wait(self) -> T_co:
        """Return what it gave once it is durable; raises LedgerFault or its own."""
        ...


class Writer(Protocol):
    """Writes to the ledger for whoever asks."""

    def write(self, write: Callable[[Connection], T]) -> T:
        """Run a write in a transaction; it is durable once this returns."""
        ...

    def hand_in(self, write: Callable[[Connection], T]) -> PendingWrite[T]:
        """Let a write be durable with the next commit, or once it is waited for.

        Those that share a commit are made in no certain order.
        """
        ...


class GroupCommit:
    """One commit for many threads; whoever comes first commits what waits for all."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._guard = Lock()
        self._waiting: list[_Entry[object]] = []
        self._leading = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: what was waited for is durable."""

    def write(self, write: Callable[[Connection], T]) -> T:
        """Run a write in a shared transaction; raises LedgerFault or its own fault."""
        return self.hand_in(write).wait()

    def hand_in(self, write: Callable[[Connection], T]) -> PendingWrite[T]:
        """Let a write be part of the next commit."""
        entry = _Entry(self, write)
        with self._guard:
            self._waiting.append(cast(_Entry[object], entry))
        return entry

    def finish(self, entry: "_Entry[T]") -> None:
        """Return once an entry is durable."""
        while not entry.tried:
            if not self._lead(entry):
                # Outside the guard. Whoever wakes us between the two has released
                # `woken` already, so no wake-up is lost.
                entry.woken.acquire()
        if not entry.durable:
            # Its group failed, maybe by a neighbour's fault: alone it fails by its own.
            self._commit([cast(_Entry[object], entry)])

    def _lead(self, entry: "_Entry[T]") -> bool:
        """Commit for all who wait; False when another is at it, who will wake us."""
        with self._guard:
            if entry.tried:
                return True
            if self._leading:
                entry.asleep = True
                return False
            # From here on newcomers form the next group, which waits for this commit.
            self._leading = True
            group, self._waiting = self._waiting, []
        try:
            with suppress(Exception):  # each of the group then tries by itself
                self._commit(group)
        finally:
            self._hand_over(group)
        return True

    def _hand_over(self, group: list["_Entry[object]"]) -> None:
        """Wake the group, and one of those who came meanwhile to lead the next."""
        with self._guard:
            self._leading = False
            for entry in group:
                entry.tried = True
                entry.wake()
            # One is enough to lead. Who is still awake leads by itself when it waits.
            for entry in self._waiting:
                if entry.wake():
                    return

    def _commit(self, group: list["_Entry[object]"]) -> None:
        with self._ledger.writing() as connection:
            # Alike are written last, by one statement each: nobody relies on an order.
            alike: dict[Callable[..., None], list[object]] = {}
            for entry in group:
                if isinstance(entry.write, BatchedWrite):
                    alike.setdefault(entry.write.record, []).append(entry.write.item)
                else:
                    entry.result = entry.write(connection)
            for record, items in alike.items():
                record(connection, items)
        for entry in group:
            entry.durable = True


class _Entry(Generic[T]):
    """A write, and how far it has come."""

    __slots__ = ("asleep", "durable", "result", "tried", "woken", "write", "writer")

    def __init__(self, writer: GroupCommit, write: Callable[[Connection], T]) -> None:
        self.writer = writer
        self.write = write
        self.result: T | None = None
        self.tried = self.durable = self.asleep = False
        # A lock that is held from birth: who takes it sleeps until it is released.
        self.woken = Lock()
        self.woken.acquire()

    def wait(self) -> T:
        """Return what the write gave once it is durable."""
        self.writer.finish(self)
        return cast(T, self.result)

    def wake(self) -> bool:
        """Wake who waits for this entry; False when nobody does."""
        if not self.asleep:
            return False
        self.asleep = False
        self.woken.release()
        return True


class DirectCommit:
    """A writer for one thread: each write is a commit of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: nothing is left open."""

    def write(self, write: Callable[[Connection], T]) -> T:
        """Run a write in a transaction of its own; raises LedgerFault."""
        with self._ledger.writing() as connection:
            return write(connection)

    def hand_in(self, write: Callable[[Connection], T]) -> PendingWrite[T]:
        """Write at once: nobody else would share the commit."""
        return _Done(self.write(write))


class _Done(Generic[T]):
    """A write that is durable already."""

    def __init__(self, result: T) -> None:
        self._result = result

    def wait(self) -> T:
        """Return what the write gave."""
        return self._result
