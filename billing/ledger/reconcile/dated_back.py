"""Calls that the source has dated before the first month that is billed."""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import b2b_usage, call
from billing.ledger.schema.usage_joins import is_newest


class DatedBack(NamedTuple):
    """A call whose minutes of a month were taken back, since it began before all."""

    customer: str
    call_id: str
    started_at: datetime
    minutes: int

    @property
    def evidence(self) -> str:
        """What was done, and why."""
        began = f"Pamela says that it started at {self.started_at.isoformat()}"
        return f"{began}; {-self.minutes} minutes were taken back"


def dated_back(connection: Connection, period: BillingPeriod) -> list[DatedBack]:
    """Return the calls that were taken back out of a month."""
    values = {"start": period.start, "end": period.end}
    rows = connection.execute(_dated_back(), values)
    return [
        DatedBack(**row._mapping)._replace(minutes=int(row.minutes)) for row in rows
    ]


@cache
def _dated_back() -> Select[Any]:
    usage = b2b_usage.c
    same = (
        (usage.account == call.c.account)
        & (usage.call_id == call.c.call_id)
        & (usage.call_revision == call.c.revision)
    )
    keys = usage.customer, call.c.call_id, call.c.started_at
    # A literal, so that SQLite finds the index of just these.
    before_first: ColumnElement[str] = literal_column("'before_first_period'")
    return (
        select(*keys, func.sum(usage.billed_minutes).label("minutes"))
        .select_from(call.join(b2b_usage, same))
        .where(
            call.c.not_billable == before_first,
            # One that never began after all is an ordinary revision.
            call.c.started_at.is_not(None),
            usage.call_hour >= bindparam("start"),
            usage.call_hour < bindparam("end"),
            is_newest(),
        )
        .group_by(*keys)
        .order_by(*keys)
    )
