"""Ledgers with rows in every table: filled once, and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.ledger.database import Ledger
from tests.conftest import COPIES, opened
from tests.ledger.filling import fill
from tests.postgres import PostgresServer

FILLED = "filled"


@pytest.fixture(scope="session")
def filled_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fill one SQLite file for the whole run."""
    file = tmp_path_factory.mktemp(FILLED) / "ledger.db"
    shutil.copy(sqlite_template, file)
    fill_at(f"sqlite:///{file}")
    return str(file)


@pytest.fixture(scope="session")
def filled_database(postgres_server: PostgresServer, postgres_template: str) -> str:
    """Fill one PostgreSQL database for the whole run."""
    fill_at(postgres_server.create_database(FILLED, postgres_template))
    return FILLED


@pytest.fixture
def filled_sqlite(filled_file: str, tmp_path: Path) -> Iterator[Ledger]:
    """Give a filled ledger on SQLite."""
    file = tmp_path / "ledger.db"
    shutil.copy(filled_file, file)
    yield from opened(f"sqlite:///{file}")


@pytest.fixture
def filled_postgres(
    postgres_server: PostgresServer, filled_database: str
) -> Iterator[Ledger]:
    """Give a filled ledger on PostgreSQL."""
    name = f"{FILLED}_{next(COPIES)}"
    yield from opened(postgres_server.create_database(name, filled_database))
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest) -> Ledger:
    """Give a filled ledger, once on each engine."""
    ledger: Ledger = request.getfixturevalue(f"filled_{request.param}")
    return ledger


def fill_at(url: str) -> None:
    """Fill the ledger at a URL."""
    for ledger in opened(url):
        fill(ledger)
