"""The database: how it is opened, and what holds for every connection."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.util import immutabledict

from billing.domain.foreign_text import foreign_text
from billing.domain.held_secrets import HeldSecrets
from billing.errors import LedgerFault, SettingsFault
from billing.ledger.audit import pending
from billing.ledger.audit.pending import Actor, AuditSession, Pending
from billing.ledger.audit.sealing import append_events
from billing.ledger.sqlite_files import refuse_changed, set_up_files

LOCK_PATIENCE_SECONDS = 30
# How long a thread waits for a connection that other threads have.
TURN_PATIENCE_SECONDS = 600
_WRITES = "ledger_writes"
# Options of a URL whose values are no secrets, and stand in many a sentence.
_PLAIN = frozenset({"host", "port", "user", "dbname", "sslmode", "options"})
_TAKEN = (
    "if it says so again, a sequence was set back: set it to the last number of its "
    "table with setval"
)
_CANNOT_OPEN = (
    "check that the folder exists, and that you may read the file and write beside it; "
    "a reader needs its log (-wal) and the log's index (-shm), or neither"
)
# All transactions that write, of all processes, take turns: the trail is one chain.
TURN = 7291462038551602
_TAKE_TURNS = f"SELECT pg_advisory_xact_lock({TURN})"


class Hold(Protocol):
    """A lock that is ours, as long as nobody took it from us."""

    def still_held(self) -> bool:
        """Ask whether the lock is ours at this moment."""
        ...


class Locks(Protocol):
    """Who works on what, over all processes."""

    def hold(self, subject: str) -> AbstractContextManager[Hold | None]:
        """Hold a subject; None when another holds it."""
        ...


class Ledger:
    """The ledger's database; every read and write goes through one of two doors."""

    def __init__(self, engine: Engine, locks: Locks | None = None) -> None:
        """Wrap an engine; `locks` divide the work in place of the database's own."""
        self.engine = engine
        self.locks = locks
        self.at_close: list[Callable[[], None]] = []
        self.audit_session: AuditSession | None = None
        # Asked before the first transaction that writes; it raises to refuse them all.
        self.door: Callable[[Connection], None] | None = None
        # Asked in every transaction that writes, once it has its turn; it raises to
        # refuse it, since meanwhile another process may have moved the ledger.
        self.in_force: Callable[[Connection], None] | None = None
        # Told after each commit of its newest audit event: its number and its hash.
        self.on_commit: Callable[[int, str], None] | None = None
        self.migrates = False

    @property
    def on_sqlite(self) -> bool:
        """Whether the ledger is a file that one process holds."""
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        name = self.engine.url.database
        return Path(name) if self.on_sqlite and name else None

    @property
    def address(self) -> str:
        """Where it is, without a password or what else may hold one."""
        return _address(self.engine.url)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that may write, and commit it. Raises LedgerFault.

        It ends with the audit events of what it changed. Raises what the door raises,
        and what `in_force` does; UncoveredRows and AlteredRows for what was changed
        past this door.
        """
        self._pass_door()
        changes = Pending(self._actor(), migrates=self.migrates)
        with as_readable(self.engine), self.engine.connect() as plain:
            options = {_WRITES: True, pending.OPTION: changes}
            connection = plain.execution_options(**options)
            with connection.begin():
                if not self.on_sqlite:
                    connection.exec_driver_sql(_TAKE_TURNS)
                if self.in_force is not None:
                    self.in_force(connection)
                yield connection
                # What was appended before its end may be all that it has.
                tip = append_events(connection, changes) or changes.tip
        if tip is not None and self.on_commit is not None:
            self.on_commit(tip.sequence, tip.hash)

    def _pass_door(self) -> None:
        """Ask whether this ledger may be written to, until it was once allowed."""
        door = self.door
        if door is not None:
            with self.reading() as connection:
                door(connection)
            self.door = None

    def _actor(self) -> Actor | None:
        """Say who is at work, and when; asked before a transaction, never in one."""
        session = self.audit_session
        return session and Actor(session.name, session.now())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads one consistent state. Raises LedgerFault."""
        with as_readable(self.engine), self.engine.connect() as connection:
            if not self.on_sqlite:
                # By default each statement would see a state of its own.
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection
            refuse_changed(connection)

    def empty_log(self) -> None:
        """Write SQLite's log into its file and cut it off, with what it still shows."""
        if self.on_sqlite:
            connection = self.engine.raw_connection()
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def close(self) -> None:
        """Close every connection."""
        for close in self.at_close:
            close()
        self.engine.dispose()


def open_ledger(url: str, *, connections: int = 12) -> Ledger:
    """Open a ledger; raises SettingsFault for a URL that names no database of ours.

    Threads take turns at the `connections`; none has one while it waits for a network.
    """
    target = _checked(url)
    options: dict[str, Any] = {
        "pool_size": connections,
        "max_overflow": connections,
        "pool_timeout": TURN_PATIENCE_SECONDS,
    }
    if target.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": LOCK_PATIENCE_SECONDS}
    else:
        options["pool_pre_ping"] = True
    engine = create_engine(target, **options)
    if engine.dialect.name == "sqlite":
        set_up_files(engine)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        # It loads psycopg, for which a ledger in a file has no use.
        from billing.ledger.postgres_sessions import set_up_sessions  # noqa: PLC0415

        set_up_sessions(engine)
    event.listen(engine, "before_cursor_execute", pending.watch)
    return Ledger(engine)


@contextmanager
def connect_for_migration(url: str) -> Iterator[Connection]:
    """Open one transaction in which a migration runs whole or not at all."""
    ledger = open_ledger(url)
    ledger.migrates = True
    try:
        with ledger.writing() as connection:
            yield connection
    finally:
        ledger.close()


def _checked(url: str) -> URL:
    try:
        target = make_url(url)
        backend = target.get_backend_name()
    except (ArgumentError, SQLAlchemyError, ValueError) as fault:
        # What is no URL to SQLAlchemy may still hold a password, and so may its words.
        what = f"not a database URL ({type(fault).__name__})"
        raise SettingsFault("ledger url", what) from None
    if backend == "postgresql":
        return target.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not target.database or target.database == ":memory:":
        raise SettingsFault(
            "ledger url", "give sqlite:///FILE or postgresql+psycopg://HOST/DATABASE"
        )
    return target


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a later upgrade could fail half-way (BUSY).
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _address(url: URL) -> str:
    places = {name: url.query[name] for name in ("host", "port") if name in url.query}
    bare = url._replace(password=None, query=immutabledict(places))
    return bare.render_as_string(hide_password=False)


def driver_words(url: URL, fault: BaseException) -> str:
    """Return what a driver says in one line, without the passwords of its URL."""
    values = [value for name, value in url.query.items() if name not in _PLAIN]
    texts = [url.password, *values]
    secrets = HeldSecrets(
        ("ledger.url", secret)
        for text in texts
        for secret in ([text] if isinstance(text, str) else text or ())
    )
    return foreign_text(" ".join(str(fault).split()), secrets, 200)


@contextmanager
def as_ledger_faults(engine: Engine) -> Iterator[None]:
    """Turn the driver's faults into one sentence that says what to do."""
    try:
        yield
    except DBAPIError as fault:
        raise LedgerFault(_sentence(engine, fault.orig or fault)) from fault
    except engine.dialect.loaded_dbapi.Error as fault:  # from what goes past SQLAlchemy
        raise LedgerFault(_sentence(engine, fault)) from fault


@contextmanager
def as_readable(engine: Engine) -> Iterator[None]:
    """Turn a value that no code of ours has written into a sentence, too."""
    try:
        with as_ledger_faults(engine):
            yield
    except ValueError as fault:
        raise LedgerFault(
            "the ledger holds what cannot be understood: "
            f"{driver_words(engine.url, fault)}; run `pamela-billing db verify`, which "
            "names the row if somebody edited it"
        ) from fault


def _sentence(engine: Engine, fault: BaseException) -> str:
    where, words = _address(engine.url), str(fault)
    short = driver_words(engine.url, fault)
    for sign, advice in (
        ("is locked", "another program holds it; close that one, then run again"),
        ("is full", "make room on the disk, then run again; nothing was half done"),
        ("No space left", "make room on the disk, then run again"),
        ("disk I/O error", "check the disk, then `pamela-billing db check`"),
        ("not a database", "check the path, or restore it from a backup"),
        ("malformed", "restore it from a backup; nothing is sent meanwhile"),
        ("unable to open", _CANNOT_OPEN),
        ("readonly", "check that the file and its folder may be written"),
        ("permission denied", "grant the role its rights: README, *Who may read*"),
        ("read-only transaction", "this role, or this server, can only be read"),
        ("timestamp too", "somebody edited a time by hand; restore a backup"),
        ("violates unique constraint", _TAKEN),
        ("no such table", "run `pamela-billing db upgrade`"),
        ("does not exist", "run `pamela-billing db upgrade`"),
        ("connection", "check that the server runs and the URL is right"),
    ):
        if sign in words:
            return f"the ledger {where}: {short}; {advice}"
    return f"the ledger {where}: {short}"
