"""The usage of a month as sheets: one for each key, and what the month may come to."""

from billing.reports.sheets.formatting import spell
from billing.reports.sheets.sheet import Column, Kind, Report, Row, Sheet, sheet_name
from billing.reports.usage.report import (
    COLUMNS,
    METADATA,
    METHOD,
    Key,
    UsageReport,
    column_of,
    figures,
)

_KINDS = {"day": Kind.DAY, "hour": Kind.MOMENT}


def usage_report(found: UsageReport) -> Report:
    """Return the usage in the form that is written down."""
    asked = usage_sheet(found, found.key)
    outlook = outlook_sheet(found)
    return Report(
        name=f"usage-{found.period}",
        sheets=[*(usage_sheet(found, key) for key in found.by), outlook],
        flat=asked,
        document=found.document(),
        shown=[asked, outlook],
    )


def usage_sheet(found: UsageReport, key: Key) -> Sheet:
    """Return a month's usage by a key."""
    return Sheet(
        name=sheet_name(f"By {key.removeprefix(METADATA)}"),
        title=f"Usage {found.period} by {key}, amounts in {found.currency.upper()}",
        columns=[Column(column_of(key), _KINDS.get(key, Kind.TEXT)), *COLUMNS],
        rows=[[name, *figures(total)] for name, total in found.by[key].items()],
        currency=found.currency,
        total=True,
        provisional=found.provisional,
    )


def outlook_sheet(found: UsageReport) -> Sheet:
    """Return each customer's month to date, last month, and the forecast."""
    rows: list[Row] = [
        [
            one.customer,
            one.now.billed_minutes,
            one.now.billed_amount_micro,
            one.before.billed_minutes,
            one.before.billed_amount_micro,
            one.minutes,
            one.amount_micro,
        ]
        for one in found.outlooks()
    ]
    return Sheet(
        name="Outlook",
        title=f"{found.period} to date, beside {found.period.previous}",
        columns=(
            Column("customer"),
            *_pair("billed"),
            *_pair("last_month"),
            *(_pair("forecast") if found.has_forecast else ()),
        ),
        rows=rows if found.has_forecast else [row[:-2] for row in rows],
        currency=found.currency,
        notes=[_method(found)],
        total=True,
        provisional=found.provisional,
    )


def _pair(name: str) -> tuple[Column, Column]:
    minutes = Column(f"{name}_minutes", Kind.MINUTES)
    return minutes, Column(f"{name}_amount", Kind.MONEY)


def _method(found: UsageReport) -> str:
    if not found.has_forecast:
        return "No forecast: the month is over, or not yet known for a whole day."
    return f"Forecast: {METHOD}; known until {spell(found.known_until)}, lines add up."
