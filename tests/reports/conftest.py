"""A migrated ledger with names and a price, once on each engine."""

from collections.abc import Iterator

import pytest

from billing.ledger.database import Ledger
from tests.conftest import opened
from tests.ledger.bookkeeping import register


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """Give such a ledger."""
    for ledger in opened(ledger_url):
        register(ledger)
        yield ledger
