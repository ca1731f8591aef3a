"""A file that may only be read is read, closed or in use, and never written."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy
from stat import S_IMODE

import pytest

from billing.errors import LedgerFault
from billing.ledger.audit import audit_log
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import refuse_other_schema
from billing.ledger.schema.tables import customer
from tests.ledger.bookkeeping import ACTOR, register, rows
from tests.surroundings.reading import as_reader, let_read, open_folder

COUNT = "SELECT count(*) FROM customer"
LOGS = ("ledger.db-wal", "ledger.db-shm")


@pytest.fixture
def shown(sqlite_template: Path) -> Iterator[Path]:
    """Give a ledger in a folder that others can reach."""
    with open_folder() as folder:
        copy(sqlite_template, folder / "ledger.db")
        yield folder / "ledger.db"


def opened(file: Path) -> closing[Ledger]:
    return closing(open_ledger(f"sqlite:///{file}"))


def note(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        audit_log.record(connection, ACTOR, "noted", "something")


def names(file: Path) -> set[str]:
    return {path.name for path in file.parent.iterdir()}


def test_a_closed_file_is_read_in_a_folder_that_may_not_be_written(
    shown: Path,
) -> None:
    with opened(shown) as ledger:
        register(ledger)
    let_read(shown.parent)
    before = shown.read_bytes()
    with as_reader(), opened(shown) as ledger:
        refuse_other_schema(ledger)
        assert rows(ledger, COUNT) == [(2,)]
        with pytest.raises(LedgerFault, match="readonly database; check that the file"):
            note(ledger)
    assert shown.read_bytes() == before
    assert names(shown) == {"ledger.db"}


def test_a_closed_file_that_may_not_be_written_is_read_in_any_folder(
    shown: Path,
) -> None:
    with opened(shown) as ledger:
        register(ledger)
    shown.chmod(0o444)
    shown.parent.chmod(0o777)
    with as_reader(), opened(shown) as ledger:
        assert rows(ledger, COUNT) == [(2,)]


def test_a_file_in_use_is_read_with_its_log(shown: Path) -> None:
    with opened(shown) as writer:
        register(writer)
        let_read(shown.parent)
        assert names(shown) == {"ledger.db", *LOGS}
        with as_reader(), opened(shown) as reader:
            assert rows(reader, COUNT) == [(2,)]
            with writer.writing() as connection:
                audit_log.touch(connection, customer, ["third"])
                connection.exec_driver_sql(
                    "INSERT INTO customer (name, stripe_customer, registered_at) "
                    "SELECT 'third', 'cus_3', max(registered_at) FROM customer"
                )
            assert rows(reader, COUNT) == [(3,)]


def test_a_file_that_is_written_while_it_is_read_as_closed_is_a_fault(
    shown: Path,
) -> None:
    let_read(shown.parent)

    def read_meanwhile(reader: Ledger, writer: Ledger) -> None:
        with reader.reading() as connection:
            register(writer)
            connection.exec_driver_sql(COUNT)

    with opened(shown) as reader:
        with as_reader():
            assert rows(reader, COUNT) == [(0,)]
        with (
            opened(shown) as writer,
            pytest.raises(LedgerFault, match="was written meanwhile; run again"),
        ):
            read_meanwhile(reader, writer)


def test_a_log_without_its_index_is_not_passed_over(shown: Path) -> None:
    with opened(shown) as writer:
        register(writer)
        with open_folder() as other:
            for name in ("ledger.db", "ledger.db-wal"):
                copy(shown.with_name(name), other / name)
            let_read(other)
            with (
                as_reader(),
                opened(other / "ledger.db") as reader,
                pytest.raises(LedgerFault, match=r"its log \(-wal\) and the log's"),
            ):
                rows(reader, COUNT)


@pytest.mark.parametrize("name", ["with space.db", "a#b&c.db"])
def test_any_name_is_read(shown: Path, name: str) -> None:
    file = shown.rename(shown.with_name(name))
    let_read(shown.parent)
    with as_reader(), opened(file) as ledger:
        assert rows(ledger, COUNT) == [(0,)]


def test_a_new_file_and_its_log_are_its_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with opened(file) as ledger, ledger.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        for path in (file, *(file.with_name(name) for name in LOGS)):
            assert S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_group_that_the_owner_lets_read_stays(shown: Path) -> None:
    shown.chmod(0o640)
    with opened(shown) as ledger:
        register(ledger)
        for path in (shown, *(shown.with_name(name) for name in LOGS)):
            assert S_IMODE(path.stat().st_mode) == 0o640, path
