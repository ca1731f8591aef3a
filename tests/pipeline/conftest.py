"""Benches on migrated ledgers: SQLite for the rules, both engines where they differ."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from tests.pipeline.bench import Bench


@pytest.fixture(scope="session")
def blank_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file for the whole run."""
    file = tmp_path_factory.mktemp("blank") / "ledger.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_ledger(blank_ledger: Path, tmp_path: Path) -> Iterator[Ledger]:
    """Give a migrated ledger on SQLite."""
    file = tmp_path / "ledger.db"
    shutil.copy(blank_ledger, file)
    ledger = open_ledger(f"sqlite:///{file}")
    yield ledger
    ledger.close()


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """Give the address of a migrated database, once on each engine."""
    upgrade(database_url)
    return database_url


@pytest.fixture
def postgres_url_migrated(postgres_url: str) -> str:
    """Give the address of a migrated PostgreSQL database."""
    upgrade(postgres_url)
    return postgres_url


@pytest.fixture
def either_ledger(migrated_url: str) -> Iterator[Ledger]:
    """Give a migrated ledger, once on each engine."""
    ledger = open_ledger(migrated_url)
    yield ledger
    ledger.close()


@pytest.fixture
def bench(sqlite_ledger: Ledger) -> Iterator[Bench]:
    """Give a bench on SQLite; the meter's rules were kept at its end."""
    bench = Bench(sqlite_ledger)
    yield bench
    assert bench.meter.broken_rules == []


@pytest.fixture
def either_bench(either_ledger: Ledger) -> Iterator[Bench]:
    """Give a bench, once on each engine; the meter's rules were kept at its end."""
    bench = Bench(either_ledger)
    yield bench
    assert bench.meter.broken_rules == []
