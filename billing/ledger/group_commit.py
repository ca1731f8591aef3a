"""Group commit: what many threads write at once becomes durable in one commit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from sqlalchemy import Connection

from billing.ledger.database import Ledger

T = TypeVar("T")


class Writer(Protocol):
    """Writes to the ledger for whoever asks."""

    def write(self, write: Callable[[Connection], T]) -> T:
        """Run a write in a transaction; it is durable once this returns."""
        ...


@dataclass(slots=True)
class _Entry:
    write: Callable[[Connection], Any]
    result: Any = None
    durable: bool = False


class GroupCommit:
    """One writer for many threads; `write` returns once its commit is durable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: SimpleQueue[_Entry] = SimpleQueue()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger-writer")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.shutdown()

    def write(self, write: Callable[[Connection], T]) -> T:
        """Run a write in a shared transaction; raises LedgerFault or its own fault."""
        entry = _Entry(write)
        self._entries.put(entry)
        wait([self._writer.submit(self._commit_waiting)])
        if not entry.durable:
            # Its group failed, maybe by a neighbour's fault: alone it fails by its own.
            self._writer.submit(self._commit, [entry]).result()
        result: T = entry.result
        return result

    def _commit_waiting(self) -> None:
        group: list[_Entry] = []
        try:
            while True:
                group.append(self._entries.get_nowait())
        except Empty:
            self._commit(group)

    def _commit(self, group: list[_Entry]) -> None:
        if not group:
            return
        with self._ledger.writing() as connection:
            for entry in group:
                entry.result = entry.write(connection)
        for entry in group:
            entry.durable = True


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
