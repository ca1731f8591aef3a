"""The pace share: how many processes make requests under the same limits now.

Each that does shares a lock of PostgreSQL, which the server frees when it dies; who
counts the holders knows all of them, on whatever machine they are.
"""

from collections.abc import Callable
from threading import Lock

from billing.ledger.database import Ledger
from billing.ledger.locking.locks import AdvisoryLocks, locks_of
from billing.ledger.locking.session import Grant, LockSession, share_number

# So long a count is believed. A newcomer waits for as long before its first request:
# by then everybody has counted it.
VALID_SECONDS = 1.0


class PaceShare:
    """One process's share of a pace."""

    def __init__(
        self,
        session: LockSession,
        subject: str,
        *,
        ticks: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Take whose pace it is, and a counter of seconds that nobody sets."""
        self._session = session
        self._number = share_number(subject)
        self._ticks = ticks
        self._sleep = sleep
        self._guard = Lock()
        self._grant: Grant | None = None
        self._count, self._counted_at = 1, 0.0

    def processes(self) -> int:
        """Return how many share the pace; raises LedgerFault."""
        with self._guard:
            if self._grant is None:
                self._join()
            elif self._ticks() - self._counted_at >= VALID_SECONDS:
                self._recount(self._grant)
            return self._count

    def leave(self) -> None:
        """Let the others have all of it until the next request."""
        with self._guard:
            if self._grant is not None:
                self._session.leave(self._number, self._grant)
                self._grant = None

    def _join(self) -> None:
        self._grant = self._session.join(self._number)
        if self._grant is None:
            return
        self._recount(self._grant)
        if self._count > 1:
            self._sleep(VALID_SECONDS)
            self._recount(self._grant)

    def _recount(self, grant: Grant) -> None:
        # The moment before the question: what came after it is not in the answer.
        counted_at = self._ticks()
        count = self._session.sharers(self._number, grant)
        if count is None:  # the session has ended, and with it our share
            self._grant = None
            return
        self._count, self._counted_at = max(count, 1), counted_at


def pace_share(
    ledger: Ledger,
    subject: str,
    *,
    ticks: Callable[[], float],
    sleep: Callable[[float], None],
) -> PaceShare | None:
    """Return a process's share; None where one process holds the whole ledger."""
    locks = locks_of(ledger)
    if not isinstance(locks, AdvisoryLocks):
        return None
    return PaceShare(locks.session, subject, ticks=ticks, sleep=sleep)
