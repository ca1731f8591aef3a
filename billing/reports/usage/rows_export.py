"""The export of usage: every row of a month as it stands in the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager

from billing.domain.money import DEFAULT_CURRENCY
from billing.domain.period import BillingPeriod
from billing.ledger.close.period_close import closed_month
from billing.ledger.database import Ledger
from billing.ledger.known_months import refuse_unknown_month
from billing.ledger.queries.usage_rows import usage_rows
from billing.ledger.queries.usage_totals import currency_of
from billing.reports.sheets.sheet import Column, Kind, Report, Sheet

COLUMNS = (
    Column("row", Kind.COUNT, added=False),
    Column("type"),
    Column("account"),
    Column("customer"),
    Column("call"),
    Column("revision", Kind.COUNT, added=False),
    Column("corrects", Kind.COUNT, added=False),
    Column("hour", Kind.MOMENT),
    Column("call_hour", Kind.MOMENT),
    Column("minutes", Kind.MINUTES),
    Column("price", Kind.PRICE),
    Column("amount", Kind.MONEY),
    Column("currency"),
    Column("posted_at", Kind.MOMENT),
    Column("event"),
    Column("event_state"),
)


@contextmanager
def exported_usage(ledger: Ledger, period: BillingPeriod) -> Iterator[Report]:
    """Give a month's rows as a stream, to be written once. Raises BadInput."""
    with ledger.reading() as connection:
        refuse_unknown_month(connection, period)
        sheet = Sheet(
            name="Usage",
            title=f"Usage rows of {period}",
            columns=COLUMNS,
            rows=usage_rows(connection, period),
            currency=currency_of(connection, period) or DEFAULT_CURRENCY,
            provisional=closed_month(connection, period) is None,
        )
        yield Report(name=f"usage-rows-{period}", sheets=[sheet], flat=sheet)
