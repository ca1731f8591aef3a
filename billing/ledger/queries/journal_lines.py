"""Journal lines: the usage of a month, summed by account."""

from sqlalchemy import Connection, case, func, select

from billing.domain.journal import JournalLine
from billing.domain.meter_event import EventState
from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.schema.usage_joins import called_between

usage = b2b_usage.c


def journal_lines(connection: Connection, period: BillingPeriod) -> list[JournalLine]:
    """Return the sums of a month's rows; several may be for one place."""
    own = called_between(period.start, period.end)
    carried = case((own, None), else_=usage.call_hour)
    counted = case((meter_event.c.state == EventState.SYNCED.value, 1), else_=0)
    keys = usage.customer, usage.currency, carried, counted
    sums = func.count(), func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    bound = meter_event.c.id == usage.meter_event_id
    query = (
        select(*keys, *sums)
        .select_from(b2b_usage.outerjoin(meter_event, bound))
        .where(usage.period == str(period))
        .group_by(*keys)
    )
    return [
        JournalLine(
            customer=customer,
            currency=currency,
            corrects=hour and BillingPeriod.of(hour),
            counted=bool(is_counted),
            rows=rows,
            minutes=int(minutes),
            amount_micro=int(amount),
        )
        for customer, currency, hour, is_counted, rows, minutes, amount in (
            connection.execute(query)
        )
    ]
