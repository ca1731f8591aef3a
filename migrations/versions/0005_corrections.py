"""Corrections: a row of usage may stand in another month than its call."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

USAGE_BEFORE = (
    "id, type, account, customer, call_id, call_revision, period, hour, "
    "billed_minutes, amount_micro, currency, price_id, corrects, pull_id, posted_at"
)
USAGE = f"{USAGE_BEFORE}, call_hour"
USAGE_KEYS_BEFORE = ("id", "account, call_id, call_revision, hour, customer")
USAGE_KEYS = ("id", "account, call_id, call_revision, call_hour, customer")
BOUND = "OLD.meter_event_id IS NOT NULL"
VIEW = (
    "CREATE VIEW b2b_usage_status AS SELECT u.*, "
    "COALESCE(e.state, 'pending') AS status, e.reason AS failed_because, "
    "e.identifier, e.evidence "
    "FROM b2b_usage u LEFT JOIN meter_event e ON e.id = u.meter_event_id"
)


def upgrade() -> None:
    """Add the columns and tables, and their guards."""
    dialect = op.get_bind().dialect.name
    op.execute("DROP VIEW b2b_usage_status")
    _rebuild_usage() if dialect == "sqlite" else _alter_usage()
    op.create_index(
        "ix_b2b_usage_carried",
        "b2b_usage",
        ["call_hour"],
        sqlite_where=sa.text("call_hour <> hour"),
        postgresql_where=sa.text("call_hour <> hour"),
    )
    op.execute(VIEW)


def _alter_usage() -> None:
    """Do on PostgreSQL what SQLite needs a new table for."""
    op.add_column("b2b_usage", sa.Column("call_hour", UtcTime()))
    for trigger in ("b2b_usage_stays", "b2b_usage_staged_once"):
        op.execute(triggers.drop("postgresql", "b2b_usage", trigger))
    op.execute("UPDATE b2b_usage SET call_hour = hour")
    op.alter_column("b2b_usage", "call_hour", nullable=False)
    op.drop_constraint(op.f("ck_b2b_usage_corrects"), "b2b_usage")
    op.drop_constraint(op.f(UNIQUE_BEFORE), "b2b_usage")
    op.create_check_constraint(op.f("ck_b2b_usage_corrects"), "b2b_usage", CORRECTS)
    op.create_unique_constraint(op.f(UNIQUE), "b2b_usage", UNIQUE_COLUMNS)
    op.execute(triggers.stay("postgresql", "b2b_usage", USAGE))
    op.execute(
        "CREATE FUNCTION refuse_rebinding() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF NOT EXISTS (SELECT 1 FROM meter_event e WHERE e.id = "
        "OLD.meter_event_id AND e.reason = 'replaced') THEN RAISE EXCEPTION "
        "'b2b_usage is append-only: correct by adding'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER b2b_usage_staged_once BEFORE UPDATE ON b2b_usage FOR EACH ROW "
        f"WHEN ({BOUND}) EXECUTE FUNCTION refuse_rebinding()"
    )


CORRECTS_BEFORE = "(type = 'adjustment') = (corrects IS NOT NULL)"
CORRECTS = "(type = 'adjustment') = (corrects IS NOT NULL OR call_hour <> hour)"
UNIQUE_BEFORE = "uq_b2b_usage_account_call_id_call_revision_hour_customer"
UNIQUE = "uq_b2b_usage_account_call_id_call_revision_call_hour_customer"
UNIQUE_COLUMNS_BEFORE = ["account", "call_id", "call_revision", "hour", "customer"]
UNIQUE_COLUMNS = ["account", "call_id", "call_revision", "call_hour", "customer"]
OLD_COLUMNS = f"{USAGE_BEFORE}, meter_event_id"
CALL_HOUR = sa.Column("call_hour", UtcTime(), nullable=False)


def _parts(
    more: tuple[sa.Column[datetime], ...],
    corrects: str,
    unique: tuple[str, list[str]],
) -> tuple[SchemaItem, ...]:
    """Return what the older and the newer table of usage differ in."""
    name, columns = unique
    return (
        *more,
        sa.CheckConstraint(corrects, name=op.f("ck_b2b_usage_corrects")),
        sa.UniqueConstraint(*columns, name=op.f(name)),
    )


def _rebuild_usage() -> None:
    """Make the table anew: SQLite changes no constraint of one that is there."""
    new = _parts((CALL_HOUR,), CORRECTS, (UNIQUE, UNIQUE_COLUMNS))
    _create_usage("b2b_usage_next", new)
    op.execute(
        f"INSERT INTO b2b_usage_next ({OLD_COLUMNS}, call_hour) "
        f"SELECT {OLD_COLUMNS}, hour FROM b2b_usage"
    )
    op.drop_table("b2b_usage")
    op.rename_table("b2b_usage_next", "b2b_usage")
    _index_usage()
    replaced = (
        f"{BOUND} AND NOT EXISTS (SELECT 1 FROM meter_event e "
        "WHERE e.id = OLD.meter_event_id AND e.reason = 'replaced')"
    )
    _guard_usage(USAGE, USAGE_KEYS, replaced)


def _create_usage(name: str, parts: tuple[SchemaItem, ...]) -> None:
    op.create_table(
        name,
        sa.Column("id", ExactInteger(), nullable=False),
        *_columns(sa.Text(), "type account customer call_id period currency"),
        *_columns(UtcTime(), "hour posted_at"),
        *_columns(ExactInteger(), "call_revision billed_minutes amount_micro pull_id"),
        *_columns(ExactInteger(), "price_id corrects meter_event_id", nullable=True),
        *parts,
        sa.CheckConstraint(
            "type IN ('api_usage', 'adjustment')", name=op.f("ck_b2b_usage_type")
        ),
        sa.ForeignKeyConstraint(
            ["meter_event_id"],
            ["meter_event.id"],
            name=op.f("fk_b2b_usage_meter_event_id"),
        ),
        sa.ForeignKeyConstraint(
            ["price_id"], ["price.id"], name=op.f("fk_b2b_usage_price_id")
        ),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.id"], name=op.f("fk_b2b_usage_pull_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_b2b_usage")),
        sqlite_strict=True,
    )


def _columns(
    kind: TypeEngine[Any], names: str, *, nullable: bool = False
) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names.split()]


def _index_usage() -> None:
    op.create_index("ix_b2b_usage_meter_event_id", "b2b_usage", ["meter_event_id"])
    total = ["period", "customer", "account", "billed_minutes"]
    op.create_index("ix_b2b_usage_total", "b2b_usage", total)
    op.create_index(
        "ix_b2b_usage_unstaged",
        "b2b_usage",
        ["customer", "hour"],
        sqlite_where=sa.text("meter_event_id IS NULL"),
    )


def downgrade() -> None:
    """Take everything back; rows that correct a closed month lose its hour."""
    dialect = op.get_bind().dialect.name
    op.execute("DROP VIEW b2b_usage_status")
    if dialect == "sqlite":
        _rebuild_usage_as_before()
    else:
        _alter_usage_as_before()
    op.execute(VIEW)


def _rebuild_usage_as_before() -> None:
    old = _parts((), CORRECTS_BEFORE, (UNIQUE_BEFORE, UNIQUE_COLUMNS_BEFORE))
    _create_usage("b2b_usage_next", old)
    op.execute(
        f"INSERT INTO b2b_usage_next ({OLD_COLUMNS}) "
        f"SELECT {OLD_COLUMNS} FROM b2b_usage"
    )
    op.drop_table("b2b_usage")
    op.rename_table("b2b_usage_next", "b2b_usage")
    _index_usage()
    _guard_usage(USAGE_BEFORE, USAGE_KEYS_BEFORE, BOUND)


def _guard_usage(columns: str, keys: tuple[str, ...], bound: str) -> None:
    statements = [
        *triggers.keep("sqlite", "b2b_usage", columns, keys),
        *triggers.only_in_open_periods("sqlite", "b2b_usage"),
        *triggers.once("sqlite", "b2b_usage_staged", "b2b_usage", bound),
    ]
    for statement in statements:
        op.execute(statement)


def _alter_usage_as_before() -> None:
    for trigger in ("b2b_usage_stays", "b2b_usage_staged_once"):
        op.execute(triggers.drop("postgresql", "b2b_usage", trigger))
    op.execute("DROP FUNCTION refuse_rebinding()")
    op.drop_constraint(op.f(UNIQUE), "b2b_usage")
    op.drop_constraint(op.f("ck_b2b_usage_corrects"), "b2b_usage")
    op.drop_column("b2b_usage", "call_hour")
    statements = [
        triggers.stay("postgresql", "b2b_usage", USAGE_BEFORE),
        *triggers.once("postgresql", "b2b_usage_staged", "b2b_usage", BOUND),
    ]
    for statement in statements:
        op.execute(statement)
    op.create_check_constraint(
        op.f("ck_b2b_usage_corrects"), "b2b_usage", CORRECTS_BEFORE
    )
    op.create_unique_constraint(op.f(UNIQUE_BEFORE), "b2b_usage", UNIQUE_COLUMNS_BEFORE)
