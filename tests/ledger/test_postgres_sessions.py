"""Sessions: proved to be ours alone, set up on each connection, refused otherwise."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from billing.errors import LedgerFault, UnfitSession
from billing.ledger import postgres_sessions, registry
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.locking.locks import AdvisoryLocks, locks_of, try_lock
from billing.ledger.postgres_sessions import split_options
from tests.ledger.another_process import another_process
from tests.ledger.bookkeeping import ACTOR, NOON, PRICE, register, rows
from tests.ledger.integrity.sound_ledger import damage, disarm
from tests.postgres import PostgresServer
from tests.surroundings.pooler import needs_pooler, pooler, through

LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.fixture(scope="module")
def session_pooler(postgres_server: PostgresServer) -> Iterator[Path]:
    with pooler(postgres_server, "session", 60) as folder:
        yield folder


@pytest.mark.parametrize("pool_mode", ["transaction", "statement"])
@pytest.mark.parametrize("size", [1, 2, 20])
@needs_pooler
def test_a_pooler_that_changes_the_back_end_is_refused_with_a_way_out(
    postgres_server: PostgresServer,
    migrated_postgres_url: str,
    pool_mode: str,
    size: int,
) -> None:
    with pooler(postgres_server, pool_mode, size) as folder:
        url = through(folder, migrated_postgres_url)
        for _ in range(2):  # the second meets sessions that the first has left
            with (
                closing(open_ledger(url)) as ledger,
                pytest.raises(UnfitSession, match="set the pooler to session mode"),
                ledger.reading(),
            ):
                raise AssertionError("a shared session was taken")
        left = through(folder, migrated_postgres_url).replace("+psycopg", "")
        with psycopg.connect(left, autocommit=True) as another_client:
            setting = another_client.execute(
                "SHOW idle_in_transaction_session_timeout"
            ).fetchone()
            assert setting == ("0",), "our settings were left in another's session"
            locks = another_client.execute(LOCKS).fetchone()
            assert locks == (0,)


@needs_pooler
def test_in_session_mode_all_is_as_it_is_without_a_pooler(
    session_pooler: Path, migrated_postgres_url: str
) -> None:
    url = through(session_pooler, migrated_postgres_url)
    with closing(open_ledger(url)) as ledger:
        register(ledger)
        with ledger.writing() as connection:
            for name, value in postgres_sessions.SETTINGS.items():
                stored = connection.execute(text(f"SHOW {name}")).scalar_one()
                if not name.startswith("tcp_"):
                    assert stored in {value, "1min"}, name
        with another_process(url, "acme"):
            with try_lock(ledger, "acme") as hold:
                assert hold is None
            with try_lock(ledger, "globex") as hold:
                assert hold
                assert hold.still_held()
    assert rows_of(migrated_postgres_url, "SELECT count(*) FROM customer") == [(2,)]


@needs_pooler
def test_through_a_pooler_the_options_of_the_url_are_set_too(
    session_pooler: Path, migrated_postgres_url: str
) -> None:
    with pooled_search_path(session_pooler, migrated_postgres_url) as ledger:
        assert rows(ledger, "SHOW search_path") == [("other, public",)]


def pooled_search_path(folder: Path, url: str) -> closing[Ledger]:
    options = "&options=-csearch_path%3Dother,%5C%20public"
    return closing(open_ledger(through(folder, url) + options))


def test_the_options_of_the_url_hold_on_each_connection_beside_ours(
    migrated_postgres_url: str,
) -> None:
    options = "&options=-c%20search_path%3Dother,public%20-c%20TimeZone%3DAsia/Tokyo"
    with closing(open_ledger(migrated_postgres_url + options)) as ledger:
        connections = [ledger.engine.connect() for _ in range(3)]
        for connection in connections:
            shown = connection.exec_driver_sql(
                "SELECT current_setting('search_path'), current_setting('TimeZone')"
            )
            assert shown.one() == ("other,public", "UTC")
            connection.close()


@pytest.mark.parametrize(
    ("options", "settings", "rest"),
    [
        ("", {}, ""),
        ("-c search_path=a,b", {"search_path": "a,b"}, ""),
        ("-csearch_path=a --work_mem=5MB", {"search_path": "a", "work_mem": "5MB"}, ""),
        (r"-c search_path=a,\ b\\c", {"search_path": r"a, b\c"}, ""),
        ("-c a.b=1 endpoint=x", {"a.b": "1"}, "endpoint=x"),
    ],
)
def test_options_are_read_as_the_server_reads_them(
    options: str, settings: dict[str, str], rest: str
) -> None:
    assert split_options(options) == (settings, rest)


def test_what_the_role_sets_otherwise_does_not_count(
    postgres_server: PostgresServer, migrated_postgres_url: str
) -> None:
    database = make_url(migrated_postgres_url).database
    with (
        closing(open_ledger(migrated_postgres_url)) as ledger,
        ledger.writing() as connection,
    ):
        for setting in (
            "synchronous_commit TO off",
            "default_transaction_isolation TO serializable",
            "TimeZone TO 'Asia/Tokyo'",
            "DateStyle TO 'German, DMY'",
            "client_encoding TO 'LATIN1'",
        ):
            statement = f"ALTER DATABASE {database} SET {setting}"
            connection.exec_driver_sql(statement)
    with closing(open_ledger(migrated_postgres_url)) as ledger:
        assert rows(ledger, "SHOW synchronous_commit") == [("on",)]
        assert rows(ledger, "SHOW default_transaction_isolation") == [
            ("read committed",)
        ]
        assert rows(ledger, "SHOW TimeZone") == [("UTC",)]
        moment = "TIMESTAMPTZ '2026-03-10 12:00:00+00', '\u0141'"
        assert rows(ledger, f"SELECT {moment}") == [(NOON, "\u0141")]


def test_a_sequence_that_was_set_back_and_a_time_that_is_none_say_what_to_do(
    postgres_ledger: Ledger,
) -> None:
    register(postgres_ledger)
    disarm(postgres_ledger)
    back = "SELECT setval(pg_get_serial_sequence('price', 'id'), 1, false)"
    damage(postgres_ledger, back)
    with pytest.raises(LedgerFault, match="set it to the last number of its table"):
        price_anew(postgres_ledger)
    damage(postgres_ledger, "UPDATE audit_event SET at = 'infinity'")
    with pytest.raises(LedgerFault, match="somebody edited a time by hand"):
        price_anew(postgres_ledger)


def price_anew(ledger: Ledger) -> None:
    later = replace(PRICE, effective_from=NOON + timedelta(days=30))
    with ledger.writing() as connection:
        registry.register(connection, ACTOR, customers=[], accounts=[], prices=[later])


def test_a_setting_that_does_not_take_is_refused(
    migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_sessions, "_MUST_HOLD", ("TimeZone", "work_mem"))
    monkeypatch.setitem(postgres_sessions.SETTINGS, "work_mem", "2048")
    with (
        closing(open_ledger(migrated_postgres_url)) as ledger,
        pytest.raises(UnfitSession, match="the setting work_mem is 2MB, though"),
        ledger.reading(),
    ):
        raise AssertionError("a setting that did not take was taken")


def test_a_lock_that_was_not_there_to_be_freed_is_a_fault(
    postgres_ledger: Ledger,
) -> None:
    def lose() -> None:
        with try_lock(postgres_ledger, "acme") as hold:
            assert hold
            locks = locks_of(postgres_ledger)
            assert isinstance(locks, AdvisoryLocks)
            session = getattr(locks.session, "_connection")  # noqa: B009 # not ours
            session.exec_driver_sql("SELECT pg_advisory_unlock_all()")

    with pytest.raises(LedgerFault, match="the lock on acme was not held to its end"):
        lose()


def test_a_session_that_the_server_ended_holds_nothing_more(
    postgres_ledger: Ledger,
) -> None:
    with try_lock(postgres_ledger, "acme") as hold:
        assert hold
        assert hold.still_held()
        rows(
            postgres_ledger,
            "SELECT pg_terminate_backend(pid) FROM pg_locks "
            "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
        )
        assert not hold.still_held()
        assert not hold.still_held()


def rows_of(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(open_ledger(url)) as ledger:
        return [tuple(row) for row in rows(ledger, query)]
