"""Databases for the tests, on both engines: fresh ones, and migrated ledgers."""

import os
import shutil
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from tests.postgres import PostgresServer, base_folder

# No test is timed: a machine may be busy with others.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

# A shell lets what runs in its background ignore Ctrl-C, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a test writes is soon removed, so it need not reach a disk.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(base_folder(in_memory=True)))

FRESH = count(1)
COPIES = count(1)
TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run one PostgreSQL per worker: half a second, and nobody else's sessions."""
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the address of an empty PostgreSQL database that lasts for one test."""
    name = f"fresh_{next(FRESH)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file for the whole run."""
    file = tmp_path_factory.mktemp("template") / "ledger.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Migrate one PostgreSQL database for the whole run."""
    upgrade(postgres_server.create_database(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the address of a migrated SQLite file."""
    file = tmp_path / "ledger.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def migrated_postgres_url(
    postgres_server: PostgresServer, postgres_template: str
) -> Iterator[str]:
    """Give the address of a migrated PostgreSQL database."""
    name = f"ledger_{next(COPIES)}"
    yield postgres_server.create_database(name, postgres_template)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Give the address of a migrated database, once on each engine."""
    fixture = "sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """Give a migrated ledger, once on each engine."""
    yield from opened(ledger_url)


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Ledger]:
    """Give a migrated ledger on SQLite."""
    yield from opened(sqlite_url)


@pytest.fixture
def postgres_ledger(migrated_postgres_url: str) -> Iterator[Ledger]:
    """Give a migrated ledger on PostgreSQL."""
    yield from opened(migrated_postgres_url)


def opened(url: str) -> Iterator[Ledger]:
    """Open a ledger and close it at the end."""
    ledger = open_ledger(url)
    yield ledger
    ledger.close()
