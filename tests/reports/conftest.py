"""A migrated ledger with names and a price, once on each engine."""

from collections.abc import Iterator

import pytest

from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from tests.ledger.bookkeeping import register


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """Give such a ledger."""
    upgrade(database_url)
    ledger = open_ledger(database_url)
    register(ledger)
    yield ledger
    ledger.close()
