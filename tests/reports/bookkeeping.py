"""A month for reports: two customers, corrections, a late call, two prices."""

from datetime import timedelta
from decimal import Decimal

from billing.domain.rating import Price
from billing.ledger.database import Ledger
from billing.ledger.registry import register as register_more
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    MARCH,
    NOON,
    close_period,
    reading,
    record,
    stage,
)

DAY = timedelta(days=1)
FEBRUARY = MARCH.previous


def fill(ledger: Ledger) -> None:
    """Bill 2 + 1 minutes to acme on two days, 1 to globex; correct the first by +3."""
    record(
        ledger,
        reading("call_1", seconds=61),
        reading("call_2", seconds=0, started_at=NOON + DAY),
    )
    record(ledger, reading("call_3", seconds=1, customer="globex", account="other"))
    record(ledger, reading("call_1", seconds=300))


def fill_awkwardly(ledger: Ledger) -> None:
    """Add a closed month with late usage, odd names, a taken-back call, an event."""
    fill(ledger)
    earlier = FEBRUARY.start + DAY
    record(ledger, reading("call_0", seconds=120, started_at=earlier))
    close_period(ledger, FEBRUARY)
    record(ledger, reading("=late", seconds=59, started_at=earlier + DAY))
    record(ledger, reading("call_0", seconds=1, started_at=earlier))
    record(ledger, reading("call_4", seconds=3_599, customer="globex"))
    record(ledger, reading("call_4", started_at=None, seconds=None, status="failed"))
    record(ledger, reading("call_5", seconds=119), reading("call_6", seconds=60))
    record(ledger, reading("call_6", seconds=59))
    stage(ledger)
    dearer = Price(APRIL.start, Decimal("0.123456"))
    with ledger.writing() as connection:
        register_more(connection, ACTOR, customers=[], accounts=[], prices=[dearer])
