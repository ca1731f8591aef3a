"""Targets: a new ledger, being filled: whole at the end, or as if never begun."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from billing.errors import SettingsFault, TargetRefused, UnfitSession
from billing.files.atomic_file import OWNER_ONLY, new_file
from billing.ledger import migration
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import ChainTip
from billing.ledger.audit.schema_history import guards_digest
from billing.ledger.database import (
    TURN,
    Ledger,
    as_ledger_faults,
    driver_words,
    open_ledger,
)
from billing.ledger.move.at_work import FOR_AS_LONG_AS_IT_TAKES
from billing.ledger.move.bare_tables import Part, put_back, strip
from billing.ledger.move.marks import MoveState, set_mark
from billing.ledger.move.row_text import (
    RowText,
    column_names,
    copied_tables,
    split_rows,
)
from billing.ledger.move.target_checks import why_no_file, why_no_postgresql

# It appears under its name only when it is whole, so it needs no log on the way.
_UNSAFE_AND_FAST = ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF")
# What takes minutes is one transaction; rows are read back in the order of their keys.
_PATIENT = (
    FOR_AS_LONG_AS_IT_TAKES,
    "SET LOCAL maintenance_work_mem = '128MB'",
    "SET LOCAL enable_sort = off",
)
_NEXT_NUMBER = """
    SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column}))
    FROM {table} HAVING max({column}) IS NOT NULL
"""


class Target:
    """The transaction in which a new ledger is filled."""

    def __init__(self, connection: Connection, address: str) -> None:
        self.connection = connection
        self.address = address
        self.schema = {
            "schema": migration.head(),
            "guards": guards_digest(connection),
            "database": connection.dialect.name,
        }
        self._taken_off: Sequence[Part] = strip(connection)

    def load(self, table: Table, texts: Iterator[RowText]) -> None:
        """Load rows into a table; raises LedgerFault."""
        # Its own faults are told apart from those of the ledger that is copied.
        with as_ledger_faults(self.connection.engine):
            if self.connection.dialect.name == "sqlite":
                self._load_sqlite(table, texts)
            else:
                self._load_postgresql(table, texts)

    def complete(self) -> None:
        """Put back what guards the rows, and let numbers go on after the last."""
        with as_ledger_faults(self.connection.engine):
            put_back(self.connection, self._taken_off)
            if self.connection.dialect.name == "sqlite":
                return  # there a number is always one more than the last
            for table in copied_tables():
                self._number_on(table)
            self.connection.exec_driver_sql("ANALYZE")

    def mark_arriving(self, source: str, tip: ChainTip, actor: Actor) -> None:
        """Let it take no writes until its source takes none."""
        with as_ledger_faults(self.connection.engine):
            set_mark(self.connection, MoveState.ARRIVING, source, tip, actor)

    def _number_on(self, table: Table) -> None:
        column = table.autoincrement_column
        if column is not None:
            statement = _NEXT_NUMBER.format(table=table.name, column=column.name)
            self.connection.exec_driver_sql(statement)

    def _load_postgresql(self, table: Table, texts: Iterator[RowText]) -> None:
        driver: Any = self.connection.connection.driver_connection
        names = ", ".join(column_names(table))
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
        ):
            for text in texts:
                copy.write(text.lines)

    def _load_sqlite(self, table: Table, texts: Iterator[RowText]) -> None:
        names = column_names(table)
        places = ", ".join("?" * len(names))
        # A strict table takes a number's text as the number.
        insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 # names are ours
        cursor: Any = self.connection.connection.cursor()
        for text in texts:
            cursor.executemany(insert, split_rows(text))


@contextmanager
def new_target(url: str, source: Ledger) -> Iterator[Target]:
    """Give an empty ledger to fill: it is there once the block ends, or not at all.

    Raises TargetRefused or UnfitTarget, and then changes nothing, or LedgerFault.
    """
    with closing(open_target(url)) as ledger:
        address = ledger.address
        if ledger.file is not None:
            if reason := why_no_file(ledger.file, source):
                raise TargetRefused(address, reason)
            with _new_file(ledger.file, address) as target:
                yield target
            return
        connection = _connected(ledger, address)
        with as_ledger_faults(ledger.engine), closing(connection), connection.begin():
            if reason := _why_refused(connection, source):
                raise TargetRefused(address, reason)
            for setting in _PATIENT:
                connection.exec_driver_sql(setting)
            migration.make_schema(connection)
            yield Target(connection, address)


def refuse_unfit_target(url: str, source: Ledger) -> str:
    """Raise TargetRefused for a place that cannot take a ledger; return its address."""
    with closing(open_target(url)) as ledger:
        address = ledger.address
        if ledger.file is not None:
            reason = why_no_file(ledger.file, source)
        else:
            with closing(_connected(ledger, address)) as connection:
                reason = _why_refused(connection, source)
    if reason:
        raise TargetRefused(address, reason)
    return address


def open_target(url: str) -> Ledger:
    """Open the ledger at a URL; raises TargetRefused for one that is none."""
    try:
        return open_ledger(url)
    except SettingsFault as fault:
        raise TargetRefused("the target", str(fault)) from None


def _connected(ledger: Ledger, address: str) -> Connection:
    try:
        return ledger.engine.connect()
    except UnfitSession as fault:
        raise TargetRefused(address, str(fault)) from fault
    except DBAPIError as fault:
        words = driver_words(ledger.engine.url, fault.orig or fault)
        raise TargetRefused(
            address, f"{words}; make an empty database, and check the URL and the role"
        ) from fault


def _why_refused(connection: Connection, source: Ledger) -> str | None:
    # Not waited for: a ledger in another schema of this very database would hold it.
    turn = f"SELECT pg_try_advisory_xact_lock({TURN})"
    if not connection.exec_driver_sql(turn).scalar_one():
        return (
            "another ledger, or another copy, is being written in that database; name "
            "an empty database of its own"
        )
    return why_no_postgresql(connection, source)


@contextmanager
def _new_file(file: Path, address: str) -> Iterator[Target]:
    with new_file(file, mode=OWNER_ONLY) as part:
        url = f"sqlite:///{part}"
        migration.upgrade(url)
        with (
            closing(open_ledger(url)) as ledger,
            as_ledger_faults(ledger.engine),
            ledger.engine.connect() as connection,
        ):
            driver: Any = connection.connection.driver_connection
            for pragma in _UNSAFE_AND_FAST:
                driver.execute(f"PRAGMA {pragma}")
            with connection.begin():
                yield Target(connection, address)
            # One file, without a log beside it.
            driver.execute("PRAGMA journal_mode = DELETE")
