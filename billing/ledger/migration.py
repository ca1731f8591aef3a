"""The schema's version: how it is brought up to date, and when it is refused."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from billing.errors import LedgerFault, LedgerUnready
from billing.ledger.database import Ledger, connect_for_migration


@cache
def _scripts() -> Path:
    """Find the migrations: beside the packages in a checkout, inside in a wheel."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "migrations"
    return packaged if packaged.is_dir() else package.parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, in one transaction. Raises LedgerFault."""
    _migrate(url, revision, down=False)


def downgrade(url: str, revision: str = "base") -> None:
    """Take a database back to a revision. Raises LedgerFault."""
    _migrate(url, revision, down=True)


def _migrate(url: str, revision: str, *, down: bool) -> None:
    with connect_for_migration(url) as connection:
        run = command.downgrade if down else command.upgrade
        run(_config_on(connection), revision)


def make_schema(connection: Connection) -> None:
    """Make the whole schema in a transaction that goes on."""
    command.upgrade(_config_on(connection), "head")


def _config_on(connection: Connection) -> Config:
    config = _config()
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the revision that this code is written for."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(ledger: Ledger) -> str | None:
    """Return the revision that a database is at; None when it has none."""
    with ledger.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def refuse_other_schema(ledger: Ledger) -> None:
    """Raise LedgerUnready unless the schema is the one this code is for."""
    where = ledger.engine.url.render_as_string(hide_password=True)
    if ledger.file is not None and not ledger.file.exists():
        raise LedgerUnready(
            f"there is no ledger at {where}; `pamela-billing db upgrade` makes one"
        )
    try:
        revision = current(ledger)
    except LedgerFault as fault:
        raise LedgerUnready(str(fault)) from fault
    if revision is None:
        raise LedgerUnready(f"{where} is empty; run `pamela-billing db upgrade`")
    if revision == head():
        return
    steps = ScriptDirectory.from_config(_config()).walk_revisions()
    if revision in {step.revision for step in steps}:
        raise LedgerUnready(
            f"{where} is at schema {revision}, older than this code ({head()}); "
            "run `pamela-billing db upgrade`"
        )
    raise LedgerUnready(
        f"{where} is at schema {revision}, which this code ({head()}) does not know; "
        "install the newer release that made it"
    )
