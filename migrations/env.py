"""Alembic's entry: runs migrations on the connection it is handed, or on `-x url=`."""

from alembic import context
from sqlalchemy import Connection

from billing.ledger.database import connect_for_migration
from billing.ledger.schema.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations in one transaction, so that a kill leaves all or nothing."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    with connect_for_migration(context.get_x_argument(as_dictionary=True)["url"]) as it:
        run(it)
