"""Target checks: each place that cannot take a ledger is refused, with what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from billing.errors import BadInput
from billing.ledger.audit.events import chain_tip
from billing.ledger.database import Ledger
from billing.ledger.migration import downgrade, upgrade
from billing.ledger.move.marks import MoveState, set_mark
from billing.ledger.move.targets import new_target, refuse_unfit_target
from tests.ledger.bookkeeping import ACTOR, rows
from tests.ledger.filling import fill
from tests.postgres import PostgresServer
from tests.surroundings.pooler import needs_pooler, pooler, through
from tests.surroundings.roles import administer, roles

NEW = "CREATE TABLE theirs (id INTEGER)"


def refusal(source: Ledger, url: str) -> str:
    """Return why a place is refused, in one sentence, by both who ask."""
    with pytest.raises(BadInput) as first:
        refuse_unfit_target(url, source)
    with pytest.raises(BadInput) as second:
        begin_to_fill(source, url)
    assert str(first.value) == str(second.value)
    assert first.value.exit_code == 2
    assert "\n" not in str(first.value)
    return str(first.value)


def begin_to_fill(source: Ledger, url: str) -> None:
    """Begin to fill a target."""
    with new_target(url, source) as target:
        target.complete()


def tables(url: str) -> list[str]:
    """List the tables at a place."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
        found = connection.execute(query + "'public'::regnamespace ORDER BY 1")
        return [name for (name,) in found.fetchall()]


def execute(url: str, statement: str) -> None:
    """Change a database past the ledger."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(sql.SQL(statement))


def test_the_ledger_itself(ledger: Ledger) -> None:
    fill(ledger)
    url = ledger.engine.url.render_as_string(hide_password=False)
    assert "it is the ledger itself" in refusal(ledger, url)


def test_the_ledger_itself_by_another_name(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    assert sqlite_ledger.file is not None
    (tmp_path / "link.db").symlink_to(sqlite_ledger.file)
    words = refusal(sqlite_ledger, f"sqlite:///{tmp_path / 'link.db'}")
    assert "it is the ledger itself" in words


def test_another_ledger(sqlite_ledger: Ledger, postgres_ledger: Ledger) -> None:
    fill(postgres_ledger)
    url = postgres_ledger.engine.url.render_as_string(hide_password=False)
    before = rows(postgres_ledger, "SELECT count(*) FROM audit_event")
    assert "it holds another ledger" in refusal(sqlite_ledger, url)
    assert rows(postgres_ledger, "SELECT count(*) FROM audit_event") == before


def test_our_own_empty_tables(sqlite_ledger: Ledger, postgres_url: str) -> None:
    upgrade(postgres_url)
    words = refusal(sqlite_ledger, postgres_url)
    assert "holds the empty tables that `db upgrade` makes" in words


@pytest.mark.parametrize("revision", ["0008", "9999"])
def test_an_older_or_a_newer_schema(
    sqlite_ledger: Ledger, postgres_url: str, revision: str
) -> None:
    upgrade(postgres_url)
    execute(postgres_url, f"UPDATE alembic_version SET version_num = '{revision}'")
    assert f"a ledger at schema {revision}" in refusal(sqlite_ledger, postgres_url)


def test_a_copy_that_was_never_finished(
    sqlite_ledger: Ledger, postgres_ledger: Ledger
) -> None:
    with postgres_ledger.writing() as connection:
        tip = chain_tip(connection)
        set_mark(connection, MoveState.ARRIVING, "sqlite:///x.db", tip, ACTOR)
    url = postgres_ledger.engine.url.render_as_string(hide_password=False)
    assert "a copy that was not finished" in refusal(sqlite_ledger, url)


@pytest.mark.parametrize(
    "statement",
    [NEW, "CREATE VIEW theirs AS SELECT 1", "CREATE SEQUENCE theirs"],
)
def test_somebody_elses_things(
    sqlite_ledger: Ledger, postgres_url: str, statement: str
) -> None:
    execute(postgres_url, statement)
    before = tables(postgres_url)
    assert "it holds theirs; name an empty" in refusal(sqlite_ledger, postgres_url)
    assert tables(postgres_url) == before


def test_what_an_extension_brought_is_nobodys(
    sqlite_ledger: Ledger, postgres_url: str
) -> None:
    # Any table can be made an extension's, without an extension that is installed.
    execute(postgres_url, NEW)
    execute(postgres_url, "ALTER EXTENSION plpgsql ADD TABLE theirs")
    begin_to_fill(sqlite_ledger, postgres_url)


def test_a_file_that_is_there(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute(NEW)
    before = other.read_bytes()
    for content in (before, b"", b"no database at all"):
        other.write_bytes(content)
        words = refusal(sqlite_ledger, f"sqlite:///{other}")
        assert "there is a file of that name, and none is overwritten" in words
        assert other.read_bytes() == content


@pytest.mark.parametrize("rest", ["-wal", "-shm", "-journal"])
def test_the_log_of_a_file_that_is_gone(
    sqlite_ledger: Ledger, tmp_path: Path, rest: str
) -> None:
    (tmp_path / f"other.db{rest}").write_bytes(b"what another database left")
    words = refusal(sqlite_ledger, f"sqlite:///{tmp_path / 'other.db'}")
    assert f"other.db{rest} was left there" in words


def test_a_folder_that_is_not_there(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        begin_to_fill(sqlite_ledger, f"sqlite:///{tmp_path / 'no' / 'other.db'}")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/x", "sqlite://", "sqlite:///:memory:"]
)
def test_what_is_no_database_of_ours(sqlite_ledger: Ledger, url: str) -> None:
    assert "nothing was copied" in refusal(sqlite_ledger, url)


def test_no_such_database(sqlite_ledger: Ledger, postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="nowhere", password="hunter2")
    words = refusal(sqlite_ledger, url.render_as_string(hide_password=False))
    assert 'database "nowhere" does not exist; make an empty database' in words
    assert "hunter2" not in words


def test_no_server(sqlite_ledger: Ledger) -> None:
    url = "postgresql+psycopg://billing@127.0.0.1:1/billing?connect_timeout=2"
    assert "check the URL and the role" in refusal(sqlite_ledger, url)


def test_a_role_that_may_make_no_tables(
    sqlite_ledger: Ledger, postgres_server: PostgresServer
) -> None:
    with roles(postgres_server) as addresses:
        name = str(make_url(addresses.owner).database)
        administer(postgres_server, name, "REVOKE CREATE ON SCHEMA public FROM public")
        words = refusal(sqlite_ledger, addresses.reader)
        assert "the role billing_reader may not create tables there" in words


def test_a_role_that_can_only_read(
    sqlite_ledger: Ledger, postgres_server: PostgresServer
) -> None:
    with roles(postgres_server) as addresses:
        name = str(make_url(addresses.owner).database)
        readonly = "ALTER ROLE billing_reader SET default_transaction_read_only = on"
        administer(postgres_server, name, readonly)
        words = refusal(sqlite_ledger, addresses.reader)
        assert "there the role billing_reader can only read" in words


def test_a_schema_that_is_not_there(sqlite_ledger: Ledger, postgres_url: str) -> None:
    url = f"{postgres_url}&options=-csearch_path%3Dnowhere"
    assert "its search_path names no schema" in refusal(sqlite_ledger, url)


def test_an_encoding_that_holds_not_every_text(
    sqlite_ledger: Ledger, postgres_server: PostgresServer
) -> None:
    with database(postgres_server, "latin", "ENCODING 'LATIN1'") as url:
        assert "its encoding is LATIN1" in refusal(sqlite_ledger, url)


def test_a_database_that_another_is_filling(
    sqlite_ledger: Ledger, postgres_url: str
) -> None:
    with new_target(postgres_url, sqlite_ledger):
        words = refusal(sqlite_ledger, postgres_url)
    assert "another copy, is being written in that database" in words


@needs_pooler
def test_a_pooler_in_transaction_mode(
    sqlite_ledger: Ledger, postgres_server: PostgresServer, postgres_url: str
) -> None:
    with pooler(postgres_server, "transaction") as folder:
        words = refusal(sqlite_ledger, through(folder, postgres_url))
    assert "a connection pooler in transaction mode" in words


@needs_pooler
def test_a_pooler_in_session_mode_is_fine(
    sqlite_ledger: Ledger, postgres_server: PostgresServer, postgres_url: str
) -> None:
    with pooler(postgres_server, "session") as folder:
        begin_to_fill(sqlite_ledger, through(folder, postgres_url))


def test_the_tables_are_made_where_search_path_says(
    sqlite_ledger: Ledger, postgres_url: str
) -> None:
    execute(postgres_url, "CREATE SCHEMA billing")
    begin_to_fill(sqlite_ledger, f"{postgres_url}&options=-csearch_path%3Dbilling")
    assert tables(postgres_url) == []
    downgrade(f"{postgres_url}&options=-csearch_path%3Dbilling")


@contextmanager
def database(server: PostgresServer, name: str, options: str) -> Iterator[str]:
    """Give a database that is made with options."""
    template = "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with psycopg.connect(
        host=str(server.folder), port=5432, user="billing", dbname="postgres"
    ) as connection:
        connection.autocommit = True
        connection.execute(sql.SQL(f"CREATE DATABASE {name} {options} {template}"))
    yield server.url(name)
    server.drop_database(name)
