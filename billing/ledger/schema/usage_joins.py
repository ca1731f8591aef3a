"""Parts of the usage: the conditions and joins that several readers share."""

from datetime import datetime

from sqlalchemy import ColumnElement

from billing.ledger.schema.tables import b2b_usage, call

usage = b2b_usage.c
Moment = datetime | ColumnElement[datetime]
# A row of usage, and the revision of its call that it was rated from.
RATED_FROM: ColumnElement[bool] = (
    (call.c.account == usage.account)
    & (call.c.call_id == usage.call_id)
    & (call.c.revision == usage.call_revision)
)


def called_between(start: Moment, end: Moment) -> ColumnElement[bool]:
    """Say whether a row's call began in [start, end), wherever it is billed.

    The ends are moments, or parameters that stand for them.
    """
    return (usage.call_hour >= start) & (usage.call_hour < end)
