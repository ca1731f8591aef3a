"""Migrations: up, down, all or nothing, and refused when they do not fit the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from billing.errors import LedgerFault, LedgerUnready
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import (
    current,
    downgrade,
    head,
    refuse_other_schema,
    revisions,
    upgrade,
)
from billing.ledger.schema.tables import metadata
from tests.ledger.bookkeeping import rows

MIGRATIONS = Path(__file__).parents[2] / "migrations"


@pytest.fixture
def empty(database_url: str) -> Iterator[Ledger]:
    """Give a database without any table."""
    ledger = open_ledger(database_url)
    yield ledger
    ledger.close()


def things(ledger: Ledger) -> set[str]:
    """List the tables and views of a database."""
    with ledger.reading() as connection:
        inspector = inspect(connection)
        return {*inspector.get_table_names(), *inspector.get_view_names()}


def set_version(ledger: Ledger, version: str) -> None:
    with ledger.writing() as connection:
        connection.execute(
            text(f"UPDATE alembic_version SET version_num = '{version}'")
        )


def test_from_empty_to_head_makes_exactly_the_tables(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert current(ledger) == head()
    refuse_other_schema(ledger)


def test_a_partial_index_has_the_condition_that_the_schema_names(
    ledger: Ledger,
) -> None:
    def words(condition: str) -> set[str]:
        return set(re.findall(r"\w+", condition.replace("::text", "")))

    wanted = {
        str(index.name): words(index.info["where"])
        for table in metadata.tables.values()
        for index in table.indexes
        if "where" in index.info
    }
    with ledger.reading() as connection:
        inspector = inspect(connection)
        dialect = connection.dialect.name
        found = {
            str(index["name"]): words(str(index["dialect_options"][key]))
            for table in metadata.tables
            for index in inspector.get_indexes(table)
            if (key := f"{dialect}_where") in index.get("dialect_options", {})
        }
    assert found == wanted


def test_each_file_begins_with_its_revision() -> None:
    steps = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    assert revisions() == sorted(step.revision for step in steps)
    assert head() == steps[0].revision


def test_to_head_and_back_leaves_nothing(database_url: str, empty: Ledger) -> None:
    upgrade(database_url)
    downgrade(database_url)
    assert things(empty) == {"alembic_version"}
    assert current(empty) is None
    upgrade(database_url)
    assert things(empty) > set(metadata.tables)


def test_back_to_base_leaves_no_trigger_and_no_function(
    database_url: str, empty: Ledger
) -> None:
    upgrade(database_url)
    downgrade(database_url)
    query = (
        "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
        if empty.on_sqlite
        else "SELECT proname FROM pg_proc WHERE proname LIKE 'refuse%'"
    )
    assert rows(empty, query) == []


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(
    ledger_url: str, ledger: Ledger
) -> None:
    before = things(ledger)
    upgrade(ledger_url)
    assert things(ledger) == before


def test_a_migration_that_fails_half_way_leaves_nothing(
    database_url: str, empty: Ledger
) -> None:
    with empty.writing() as connection:
        connection.execute(text("CREATE TABLE audit_event (mine TEXT)"))
    with pytest.raises(LedgerFault, match="audit_event"):
        upgrade(database_url)
    assert things(empty) == {"audit_event"}


def test_an_empty_database_is_refused_with_the_way_out(empty: Ledger) -> None:
    with empty.writing():
        pass
    with pytest.raises(
        LedgerUnready, match="is empty; run `pamela-billing db upgrade`"
    ):
        refuse_other_schema(empty)


@pytest.mark.parametrize("revision", ["0001", "0003"])
def test_an_older_schema_is_refused_with_the_way_out(
    database_url: str, empty: Ledger, revision: str
) -> None:
    upgrade(database_url, revision)
    with pytest.raises(LedgerUnready, match=r"older than this code.*db upgrade"):
        refuse_other_schema(empty)


def test_a_newer_schema_is_refused_with_the_way_out(ledger: Ledger) -> None:
    set_version(ledger, "9999")
    with pytest.raises(LedgerUnready, match=r"9999, which this code .* newer release"):
        refuse_other_schema(ledger)


def test_a_ledger_that_is_not_there_is_refused_and_not_made(sqlite_url: str) -> None:
    missing = open_ledger(f"{sqlite_url}.missing")
    with pytest.raises(
        LedgerUnready, match=r"there is no ledger.*pamela-billing db upgrade"
    ):
        refuse_other_schema(missing)
    assert missing.file is not None
    assert not missing.file.exists()
    missing.close()


def test_a_server_without_the_database_is_refused(postgres_url: str) -> None:
    absent = open_ledger(postgres_url.replace("/fresh_", "/absent_"))
    with pytest.raises(LedgerUnready, match="does not exist"):
        refuse_other_schema(absent)
    absent.close()
