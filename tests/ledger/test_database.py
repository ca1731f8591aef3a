"""The database: what holds for every connection, and faults in clear words."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, insert, text

from billing.errors import LedgerFault, LedgerUnready, SettingsFault
from billing.ledger.audit.audit_log import record as audit
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import refuse_other_schema
from billing.ledger.schema.tables import customer
from tests.ledger.bookkeeping import ACTOR, rows

COUNT = "SELECT count(*) FROM audit_event"
ROW = {"stripe_customer": "cus_1", "registered_at": ACTOR.at}


def note(ledger: Ledger, size: int = 1) -> None:
    with ledger.writing() as connection:
        audit(connection, ACTOR, "noted", "x" * size)


def set_pragma(ledger: Ledger, pragma: str) -> None:
    """Set a pragma on each new connection, after the ledger's own."""
    event.listen(
        ledger.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA {pragma}")
    )


@pytest.fixture
def locked(sqlite_ledger: Ledger) -> Iterator[Ledger]:
    """Give a ledger whose file another program is writing to."""
    set_pragma(sqlite_ledger, "busy_timeout = 20")
    with closing(sqlite3.connect(str(sqlite_ledger.file))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield sqlite_ledger
        other.rollback()


def test_every_connection_keeps_what_it_promised(sqlite_ledger: Ledger) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }
    connections = [sqlite_ledger.engine.connect() for _ in range(3)]
    for connection in connections:
        for pragma, value in expected.items():
            stored = connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
            assert (pragma, stored) == (pragma, value)
    for connection in connections:
        connection.close()


def test_the_server_keeps_what_it_committed(postgres_ledger: Ledger) -> None:
    with postgres_ledger.writing() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW timezone")).scalar() == "UTC"


def test_what_fails_half_way_leaves_nothing(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.writing() as connection:
            audit(connection, ACTOR, "noted", "half")
            raise KeyError("half-way")

    with pytest.raises(KeyError):
        fail()
    assert rows(ledger, COUNT) == [(0,)]


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        before = connection.execute(text(COUNT)).scalar_one()
        note(ledger)
        assert connection.execute(text(COUNT)).scalar_one() == before
    assert rows(ledger, COUNT) == [(1,)]


def test_what_is_written_through_the_door_for_readers_is_not_kept(
    ledger: Ledger,
) -> None:
    with suppress(LedgerFault), ledger.reading() as connection:
        connection.execute(insert(customer).values(name="wrong", **ROW))
    assert rows(ledger, "SELECT count(*) FROM customer") == [(0,)]


def test_what_is_audited_is_written() -> None:
    with pytest.raises(RuntimeError, match="only a transaction that writes"):
        audit(create_engine("sqlite://").connect(), ACTOR, "noted", "wrong door")


def test_a_writer_holds_the_file_from_its_first_moment(sqlite_ledger: Ledger) -> None:
    with (
        sqlite_ledger.writing(),
        closing(sqlite3.connect(str(sqlite_ledger.file), timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_locked_ledger_says_who_must_go(locked: Ledger) -> None:
    with pytest.raises(LedgerFault, match=r"is locked; another program holds it"):
        note(locked)
    assert rows(locked, COUNT) == [(0,)]


def test_a_full_disk_says_to_make_room_and_nothing_was_half_done(
    sqlite_ledger: Ledger,
) -> None:
    set_pragma(sqlite_ledger, "max_page_count = 1")
    with pytest.raises(LedgerFault, match=r"is full; make room on the disk"):
        note(sqlite_ledger, size=10_000_000)
    assert rows(sqlite_ledger, COUNT) == [(0,)]
    note(sqlite_ledger)
    assert rows(sqlite_ledger, COUNT) == [(1,)]


def test_a_file_that_may_not_be_written_says_so(sqlite_ledger: Ledger) -> None:
    set_pragma(sqlite_ledger, "query_only = ON")
    with pytest.raises(LedgerFault, match=r"readonly database; check that the file"):
        note(sqlite_ledger)


@pytest.mark.parametrize("place", ["missing/ledger.db", "."])
def test_a_place_where_no_file_can_be_says_so(tmp_path: Path, place: str) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / place}")
    with pytest.raises(LedgerFault, match=r"check that the folder exists"):
        note(ledger)
    ledger.close()


def test_a_corrupted_file_sends_nothing(sqlite_ledger: Ledger) -> None:
    note(sqlite_ledger, size=50_000)
    sqlite_ledger.close()
    assert sqlite_ledger.file is not None
    whole = sqlite_ledger.file.read_bytes()
    sqlite_ledger.file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(LedgerFault, match=r"malformed; restore it from a backup"):
        note(sqlite_ledger)


def test_a_file_that_is_no_database_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a ledger " * 1_000)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    with pytest.raises(LedgerUnready, match=r"not a database; "):
        refuse_other_schema(ledger)
    ledger.close()


def test_a_ledger_without_tables_says_to_upgrade(database_url: str) -> None:
    ledger = open_ledger(database_url)
    with pytest.raises(LedgerFault, match=r"run `pamela-billing db upgrade`"):
        rows(ledger, COUNT)
    ledger.close()


def test_a_server_that_is_gone_says_to_check_it(tmp_path: Path) -> None:
    ledger = open_ledger(f"postgresql://billing:secret@/none?host={tmp_path}")
    with pytest.raises(LedgerFault, match=r"check that the server runs") as refusal:
        rows(ledger, COUNT)
    assert "secret" not in str(refusal.value)
    ledger.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://host/ledger",
        "sqlite",
        "://",
        "http://host/ledger",
    ],
)
def test_a_url_that_names_no_ledger_is_refused(url: str) -> None:
    with pytest.raises(SettingsFault, match=r"ledger url"):
        open_ledger(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_through_one_driver(scheme: str) -> None:
    ledger = open_ledger(f"{scheme}://host/ledger")
    assert ledger.engine.url.drivername == "postgresql+psycopg"
    assert ledger.file is None
    ledger.close()
