"""Parts of the usage: the conditions and joins that several readers share."""

from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, func, select

from billing.ledger.schema.tables import b2b_usage, call

usage = b2b_usage.c
Moment = datetime | ColumnElement[datetime]
# A row of usage, and the revision of its call that it was rated from.
RATED_FROM: ColumnElement[bool] = (
    (call.c.account == usage.account)
    & (call.c.call_id == usage.call_id)
    & (call.c.revision == usage.call_revision)
)
_NO_REVISION = 2**62


@cache
def is_newest() -> ColumnElement[bool]:
    """Return the condition that a revision of a call is its last."""
    newer = call.alias("newer")
    later = select(newer.c.id).where(
        newer.c.account == call.c.account,
        newer.c.call_id == call.c.call_id,
        newer.c.revision > call.c.revision,
    )
    return ~later.exists()


def stands_for(last_call: int | None) -> ColumnElement[bool]:
    """Return the condition that a row of usage stands for a revision of its call.

    A revision that changes nothing of what is billed posts no row, so that the row
    before it stands for it too. Of a month that is closed, none counts that was
    recorded after `last_call`.
    """
    later, row_after = call.alias("later"), b2b_usage.alias("row_after")
    until = (
        select(func.min(row_after.c.call_revision))
        .where(
            row_after.c.account == usage.account,
            row_after.c.call_id == usage.call_id,
            row_after.c.call_revision > usage.call_revision,
        )
        .correlate(b2b_usage)
        .scalar_subquery()
    )
    standing = select(func.max(later.c.revision)).where(
        later.c.account == usage.account,
        later.c.call_id == usage.call_id,
        later.c.revision >= usage.call_revision,
        later.c.revision < func.coalesce(until, _NO_REVISION),
    )
    if last_call is not None:
        standing = standing.where(later.c.id <= last_call)
    return (
        (call.c.account == usage.account)
        & (call.c.call_id == usage.call_id)
        & (call.c.revision == standing.correlate(b2b_usage).scalar_subquery())
    )


def called_between(start: Moment, end: Moment) -> ColumnElement[bool]:
    """Say whether a row's call began in [start, end), wherever it is billed.

    The ends are moments, or parameters that stand for them.
    """
    return (usage.call_hour >= start) & (usage.call_hour < end)
