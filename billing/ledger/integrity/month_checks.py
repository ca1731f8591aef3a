"""Closed months checked: each is still what it was when it was closed."""

from collections.abc import Iterator

from sqlalchemy import Connection

from billing.domain.invariants import Invariant, Violation
from billing.domain.period import BillingPeriod
from billing.ledger.close import period_close


def violations(connection: Connection) -> Iterator[Violation]:
    """Digest each closed month anew."""
    for period, digest in period_close.closed_periods(connection).items():
        digest_now = period_close.period_digest(connection, BillingPeriod.parse(period))
        if digest_now != digest:
            words = f"{period} was closed with the digest {digest[:12]}…"
            yield Violation(
                Invariant.CLOSED, f"{words}, and now has {digest_now[:12]}…"
            )
