"""Plans: what is asked of a month often finds its rows without reading all ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event

from billing.domain.period import BillingPeriod
from billing.ledger.close.readiness import read_month_end
from billing.ledger.database import Ledger
from billing.ledger.pull.unclear_calls import unclear_calls

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
MONTH = BillingPeriod.parse("2026-10")
LARGE = ("call", "b2b_usage", "meter_event", "meter_attempt", "audit_event")


@contextmanager
def plans(connection: Connection) -> Iterator[list[str]]:
    """Collect SQLite's plan of each question that is asked in the block."""
    steps: list[str] = []

    def explain(_: object, cursor: Any, query: str, values: Any, *more: Any) -> None:
        asked = connection.connection.cursor()
        asked.execute(f"EXPLAIN QUERY PLAN {query}", values)
        steps.extend(row[3] for row in asked.fetchall())

    event.listen(connection, "before_cursor_execute", explain)
    yield steps


def test_no_question_about_a_month_reads_all_rows_ever(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.reading() as connection, plans(connection) as steps:
        read_month_end(connection, MONTH, ["main"], NOW, first_period=MONTH)
        unclear_calls(connection, NOW, period=MONTH)
    assert any("ix_call_underway" in step for step in steps)
    assert not {f"SCAN {table}" for table in LARGE} & set(steps)
