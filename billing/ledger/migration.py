"""The schema's version: how it is brought up to date, and when it is refused."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from billing.errors import LedgerFault, LedgerUnready
from billing.ledger.database import Ledger, connect_for_migration

_VERSION = text("SELECT version_num FROM alembic_version")


@cache
def _scripts() -> Path:
    """Find the migrations: beside the packages in a checkout, inside in a wheel."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "migrations"
    return packaged if packaged.is_dir() else package.parent / "migrations"


@cache
def revisions() -> list[str]:
    """List the schema's revisions, the oldest first; each file begins with its own."""
    files = (_scripts() / "versions").glob("[0-9]*.py")
    return sorted(file.name.partition("_")[0] for file in files)


def head() -> str:
    """Return the revision that this code is written for."""
    return revisions()[-1]


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, in one transaction. Raises LedgerFault."""
    with connect_for_migration(url) as connection:
        _migrate(connection, revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Take a database back to a revision. Raises LedgerFault."""
    with connect_for_migration(url) as connection:
        _migrate(connection, revision, down=True)


def make_schema(connection: Connection) -> None:
    """Make the whole schema in a transaction that goes on."""
    _migrate(connection, "head")


def _migrate(connection: Connection, revision: str, *, down: bool = False) -> None:
    # Slow to import, and most commands only ask for the version.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    run = command.downgrade if down else command.upgrade
    run(config, revision)


def current(ledger: Ledger) -> str | None:
    """Return the revision that a database is at; None when it has none."""
    with ledger.reading() as connection:
        return current_on(connection)


def current_on(connection: Connection) -> str | None:
    """Return the revision that is seen in a transaction; None when there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(_VERSION).scalar()
    return revision


def refuse_other_schema(ledger: Ledger) -> None:
    """Raise LedgerUnready unless the schema is the one this code is for."""
    where = ledger.address
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
    if revision in revisions():
        raise LedgerUnready(
            f"{where} is at schema {revision}, older than this code ({head()}); "
            "run `pamela-billing db upgrade`"
        )
    raise LedgerUnready(
        f"{where} is at schema {revision}, which this code ({head()}) does not know; "
        "install the newer release that made it"
    )
