"""First contact in the ledger: what it reads does not grow with the other customers."""

from typing import Any

from sqlalchemy import Connection, event

from billing.domain.meter_contact import MeterMonth
from billing.ledger.database import Ledger
from billing.ledger.sync.contact_context import read_context
from billing.ledger.sync.first_contact import month_contact
from tests.ledger.bookkeeping import MARCH, NOON

MONTH = MeterMonth("cus_new", "stripe_minutes", livemode=False, period=MARCH)
# Each reads few rows, however many customers were read in the month.
NARROW = (
    "USING INDEX ix_meter_contact_opening (period=?)",
    "(period=? AND stripe_customer=?",
    "USING INTEGER PRIMARY KEY",
)


def plans_of(connection: Connection, statements: list[tuple[str, Any]]) -> list[str]:
    """Return how SQLite finds the rows of each statement."""
    return [
        row[3]
        for statement, values in statements
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    ]


def test_what_other_customers_showed_is_not_read(filled_sqlite: Ledger) -> None:
    statements: list[tuple[str, Any]] = []
    with filled_sqlite.reading() as connection:
        context = read_context(connection, NOON)

        @event.listens_for(filled_sqlite.engine, "before_cursor_execute")
        def _keep(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            statements.append((statement, values))

        month_contact(connection, "new", MONTH, context, NOON)
        event.remove(filled_sqlite.engine, "before_cursor_execute", _keep)
        plans = plans_of(connection, statements)
    contacts = [plan for plan in plans if " meter_contact " in plan]
    assert len(contacts) >= 2
    assert [plan for plan in contacts if not any(way in plan for way in NARROW)] == []
