"""Concurrency: who works side by side, whose writes share a commit, how far it is."""

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Protocol, TypeVar

from billing.errors import WHOLE_METER, BillingError, MeterFault
from billing.ledger.database import Ledger
from billing.ledger.group_commit import DirectCommit, GroupCommit, Writer

T = TypeVar("T")
K = TypeVar("K")
# So many requests at once to one server, when calls or totals are read.
READERS = 16
Progress = Callable[[int, int], None]


def no_progress(_done: int, _total: int) -> None:
    """Show no progress."""


class ProgressCounter:
    """How many events are through, over all threads, and how many there are."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._done = self._total = 0

    def expect(self, events: int) -> None:
        """Count events that are about to be sent."""
        with self._lock:
            self._total += events

    def step(self) -> None:
        """Count one that is through."""
        with self._lock:
            self._done += 1
            self._progress(self._done, self._total)


class Concurrency(Protocol):
    """Hands out workers and writers; threads, or the caller alone."""

    def pool(self, workers: int, name: str) -> AbstractContextManager[Executor]:
        """Return workers for one piece of work."""
        ...

    def writer(self, ledger: Ledger) -> AbstractContextManager[Writer]:
        """Return who writes for all of them."""
        ...


class ThreadedExecutor:
    """Threads where waiting is the cost; their writes share commits."""

    def pool(self, workers: int, name: str) -> AbstractContextManager[Executor]:
        """Return a pool of threads."""
        return ThreadPoolExecutor(workers, thread_name_prefix=name)

    def writer(self, ledger: Ledger) -> AbstractContextManager[Writer]:
        """Return one writer for many threads."""
        return GroupCommit(ledger)


class SerialExecutor:
    """Everything in the caller's own thread, in the order it was asked for."""

    def pool(self, workers: int, name: str) -> AbstractContextManager[Executor]:
        """Return a pool that does each piece of work at once."""
        return _AtOnce()

    def writer(self, ledger: Ledger) -> AbstractContextManager[Writer]:
        """Return a writer that commits each write by itself."""
        return DirectCommit(ledger)


class _AtOnce(Executor):
    """An executor whose work is done when `submit` returns."""

    def submit(
        self, work: Callable[..., T], /, *args: object, **kwargs: object
    ) -> Future[T]:
        """Do the work now; its failure is kept for whoever asks for the result."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BillingError as fault:
            future.set_exception(fault)
        return future


THREADS: Concurrency = ThreadedExecutor()
SERIAL: Concurrency = SerialExecutor()


def run_each(
    pool: Executor,
    work: Iterator[Callable[[], T]],
    at_once: Callable[[], int],
) -> Iterator[T]:
    """Do pieces of work side by side, never more than `at_once` says then.

    Results come as they are done; a fault ends it, once what was begun has ended. No
    more is taken from `work` than is begun: it may be long, and be made on the way.
    """
    done: SimpleQueue[Future[T]] = SimpleQueue()
    underway, is_over = 0, False
    while True:
        while not is_over and underway < at_once():
            piece = next(work, None)
            if piece is None:
                is_over = True
                break
            pool.submit(piece).add_done_callback(done.put)
            underway += 1
        if not underway:
            return
        future = done.get()
        underway -= 1
        yield future.result()


def read_each(
    concurrency: Concurrency,
    read: Callable[[K], T],
    keys: Collection[K],
    progress: Progress = no_progress,
) -> tuple[dict[K, T], dict[K, MeterFault]]:
    """Read one after another's side of a meter; one's odd answer ends only its own.

    Returns what was read, and why the rest was not. Raises MeterUnavailable or
    MeterRefused when none of several is served, or many in a row are not.
    """
    values: dict[K, T] = {}
    faults: dict[K, MeterFault] = {}
    unserved = 0
    with concurrency.pool(READERS, "read") as pool:
        work = [(key, pool.submit(read, key)) for key in keys]
        try:
            for done, (key, future) in enumerate(work, start=1):
                try:
                    values[key] = future.result()
                    unserved = 0
                except MeterFault as fault:
                    faults[key] = fault
                    unserved += isinstance(fault, WHOLE_METER)
                    if unserved >= READERS:
                        raise
                progress(done, len(work))
        finally:
            for _, future in work:
                future.cancel()
    for why in faults.values():
        if isinstance(why, WHOLE_METER) and not values and len(faults) > 1:
            raise why
    return values, faults
