"""Benches on migrated ledgers: SQLite for the rules, both engines where they differ."""

from collections.abc import Iterator

import pytest

from billing.ledger.database import Ledger
from tests.pipeline.bench import Bench


@pytest.fixture
def bench(sqlite_ledger: Ledger) -> Iterator[Bench]:
    """Give a bench on SQLite; the meter's rules were kept at its end."""
    bench = Bench(ledger=sqlite_ledger)
    yield bench
    assert bench.meter.broken_rules == []


@pytest.fixture
def either_bench(ledger: Ledger) -> Iterator[Bench]:
    """Give a bench, once on each engine; the meter's rules were kept at its end."""
    bench = Bench(ledger=ledger)
    yield bench
    assert bench.meter.broken_rules == []
