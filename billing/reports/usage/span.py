"""The usage of several months by any key, added up by the ledger or by a lake."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.money import DEFAULT_CURRENCY
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.close.period_close import closed_periods
from billing.ledger.database import Ledger
from billing.ledger.known_months import refuse_unknown_month
from billing.ledger.pull.call_metadata import kept_keys
from billing.ledger.queries.usage_totals import (
    METADATA,
    SPAN_KEYS,
    Key,
    LedgerUsage,
    UsageTotal,
)
from billing.reports.sheets.formatting import Document
from billing.reports.sheets.sheet import Report, Sheet, sheet_name
from billing.reports.usage.report import (
    COLUMNS,
    Totals,
    TotalsSource,
    column_of,
    figures,
    format_heading,
    refuse_unknown_key,
    total_line,
)
from billing.reports.usage.usage_workbook import heading_column


@dataclass(frozen=True, slots=True)
class SpanUsage:
    """The usage of the months from `first` to `last`, both in it."""

    first: BillingPeriod
    last: BillingPeriod
    key: Key
    currency: str
    totals: Totals
    provisional: bool

    def document(self) -> Document:
        """Return it with stable names."""
        return {
            "from": str(self.first),
            "to": str(self.last),
            "by": self.key,
            "currency": self.currency,
            "provisional": self.provisional,
            "rows": [
                {
                    column_of(self.key): format_heading(heading),
                    **total_line(total, self.currency),
                }
                for heading, total in self.totals.items()
            ],
            "total": total_line(sum(self.totals.values(), UsageTotal()), self.currency),
        }


def read_span(
    ledger: Ledger,
    first: BillingPeriod,
    last: BillingPeriod,
    key: Key,
    *,
    lake: TotalsSource | None = None,
) -> SpanUsage:
    """Return the usage of several months by a key; a lake has closed months only.

    Raises BadInput for an unknown key or month, and for months in two currencies.
    """
    months = _months(first, last)
    with ledger.reading() as connection:
        metadata = (METADATA + name for name in kept_keys(connection))
        refuse_unknown_key(key, [*SPAN_KEYS, *metadata])
        for month in months:
            refuse_unknown_month(connection, month)
        source = lake or LedgerUsage(connection)
        found = {source.currency(month) for month in months}
        currencies = sorted(currency for currency in found if currency)
        if len(currencies) > 1:
            raise BadInput(
                f"{first} to {last} are billed in {' and '.join(currencies)}"
                ", which do not add up; name months of one currency"
            )
        closed = closed_periods(connection)
        return SpanUsage(
            first=first,
            last=last,
            key=key,
            currency=min(currencies, default=DEFAULT_CURRENCY),
            totals=source.totals(months, key),
            provisional=not closed.keys() >= set(map(str, months)),
        )


def span_report(usage: SpanUsage) -> Report:
    """Return the usage in the form that is written down."""
    name = f"{usage.first} to {usage.last}"
    sheet = Sheet(
        name=sheet_name(f"By {usage.key.removeprefix(METADATA)}"),
        title=f"Usage {name} by {usage.key}, amounts in {usage.currency.upper()}",
        columns=[heading_column(usage.key), *COLUMNS],
        rows=[[heading, *figures(total)] for heading, total in usage.totals.items()],
        currency=usage.currency,
        total=True,
        provisional=usage.provisional,
    )
    return Report(
        name=f"usage-{usage.first}-{usage.last}",
        sheets=[sheet],
        flat=sheet,
        document=usage.document(),
    )


def _months(first: BillingPeriod, last: BillingPeriod) -> Sequence[BillingPeriod]:
    if last < first:
        raise BadInput(f"--to {last} is before {first}; name the later month there")
    months = [first]
    while months[-1] < last:
        months.append(months[-1].next)
    return months
