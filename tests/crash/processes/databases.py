"""Fresh ledgers of both kinds for victims: copies of one that was migrated once."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from billing.installation.first_settings import A_SANDBOX
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import open_ledger
from billing.ledger.migration import upgrade
from billing.ledger.sync.contact_context import state_sole_reporter
from tests.postgres import PostgresServer
from tests.surroundings.pooler import pooler, through

SQLITE, POSTGRESQL = "SQLite (WAL)", "PostgreSQL"
POOLED = "PostgreSQL behind a pooler in session mode"
KINDS = (SQLITE, POSTGRESQL)
TEMPLATE = "victims"
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


class Databases:
    """Where new ledgers come from; a PostgreSQL runs once it is asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._numbers = count(1)
        self._server: PostgresServer | None = None
        self._file = folder / "template.db"

    @property
    def server(self) -> PostgresServer:
        """The PostgreSQL server."""
        if self._server is None:
            self._server = self._stack.enter_context(PostgresServer(fsync=False))
            _make_ledger(self._server.create_database(TEMPLATE))
        return self._server

    @contextmanager
    def fresh(self, kind: str) -> Iterator[str]:
        """Give the URL of a new, empty ledger."""
        name = f"victim_{next(self._numbers)}"
        if kind == POSTGRESQL:
            yield self.server.create_database(name, TEMPLATE)
            self.server.drop_database(name)
            return
        if kind == POOLED:
            url = self.server.create_database(name, TEMPLATE)
            with pooler(self.server, "session", 60) as folder:
                yield through(folder, url)
            self.server.drop_database(name)
            return
        if not self._file.exists():
            _make_ledger(f"sqlite:///{self._file}")
        folder = self._folder / name
        folder.mkdir()
        shutil.copy(self._file, folder / "ledger.db")
        yield f"sqlite:///{folder / 'ledger.db'}"
        shutil.rmtree(folder)


def _make_ledger(url: str) -> None:
    """Make a ledger that is the only one to report, as `init --sandbox` does."""
    upgrade(url)
    with closing(open_ledger(url)) as ledger, ledger.writing() as connection:
        state_sole_reporter(connection, Actor("tests", BEFORE), A_SANDBOX)


@contextmanager
def databases(folder: Path) -> Iterator[Databases]:
    """Give new ledgers while the block runs."""
    with ExitStack() as stack:
        yield Databases(folder, stack)
