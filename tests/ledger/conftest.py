"""Filled ledgers: each kind is filled once on each engine, and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from billing.ledger.database import Ledger
from tests.conftest import COPIES, opened
from tests.ledger.filling import fill
from tests.ledger.integrity.sound_ledger import fill_soundly
from tests.postgres import PostgresServer

Fill = Callable[[Ledger], None]


@pytest.fixture(scope="session")
def file_filled_by(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Fill], Path]:
    """Fill a SQLite file in a way, once for the whole run."""

    @cache
    def file(fill: Fill) -> Path:
        place = tmp_path_factory.mktemp("filled") / "ledger.db"
        shutil.copy(sqlite_template, place)
        for ledger in opened(f"sqlite:///{place}"):
            fill(ledger)
        return place

    return file


@pytest.fixture(scope="session")
def database_filled_by(
    postgres_server: PostgresServer, postgres_template: str
) -> Callable[[Fill], str]:
    """Fill a PostgreSQL database in a way, once for the whole run."""

    @cache
    def database(fill: Fill) -> str:
        name = f"filled_{next(COPIES)}"
        for ledger in opened(postgres_server.create_database(name, postgres_template)):
            fill(ledger)
        return name

    return database


def copy_of(fill: Fill, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Open a copy of the ledger that was filled in a way, on the parameter's engine."""
    if request.param == "sqlite":
        file = request.getfixturevalue("tmp_path") / "ledger.db"
        shutil.copy(request.getfixturevalue("file_filled_by")(fill), file)
        yield from opened(f"sqlite:///{file}")
    else:
        template = request.getfixturevalue("database_filled_by")(fill)
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = f"copy_{next(COPIES)}"
        yield from opened(server.create_database(name, template))
        server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Give a ledger with rows in every table, once on each engine."""
    yield from copy_of(fill, request)


@pytest.fixture(params=["sqlite"])
def filled_sqlite(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Give such a ledger on SQLite."""
    yield from copy_of(fill, request)


@pytest.fixture(params=["sqlite", "postgresql"])
def sound(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Give a ledger that keeps every invariant, once on each engine."""
    yield from copy_of(fill_soundly, request)
