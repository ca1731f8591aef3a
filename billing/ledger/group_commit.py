"""Group commit: what many threads write at once becomes durable in one commit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection

from billing.errors import LedgerFault
from billing.ledger.database import Ledger

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry:
    write: Callable[[Connection], Any]
    done: Future[Any]


class GroupCommit:
    """One writer for many threads; `write` returns once its commit is durable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entries.put(None)
        self._thread.join()

    def write(self, write: Callable[[Connection], T]) -> T:
        """Run a write in a shared transaction; raises LedgerFault or its own fault."""
        done: Future[T] = Future()
        self._entries.put(_Entry(write, done))
        return done.result()

    def _run(self) -> None:
        while (first := self._entries.get()) is not None:
            group = [first]
            while not self._entries.empty():
                entry = self._entries.get()
                if entry is None:
                    self._entries.put(None)
                    break
                group.append(entry)
            self._commit(group)

    def _commit(self, group: list[_Entry]) -> None:
        try:
            with self._ledger.writing() as connection:
                results = [entry.write(connection) for entry in group]
        except BaseException as fault:  # noqa: BLE001 # handed to the thread that waits
            if len(group) > 1 and not isinstance(fault, LedgerFault):
                # One faulty write must not fail its neighbours.
                for entry in group:
                    self._commit([entry])
                return
            for entry in group:
                entry.done.set_exception(fault)
            return
        for entry, result in zip(group, results, strict=True):
            entry.done.set_result(result)
