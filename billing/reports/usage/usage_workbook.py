"""The usage of a month as sheets: one for each key, and what the month may come to."""

from billing.reports.sheets.formatting import format_time
from billing.reports.sheets.sheet import (
    Cell,
    Column,
    Kind,
    Report,
    Row,
    Sheet,
    Unknown,
    sheet_name,
)
from billing.reports.usage.report import (
    COLUMNS,
    METADATA,
    METHOD,
    Key,
    Outlook,
    UsageReport,
    column_of,
    figures,
)

_KINDS = {"day": Kind.DAY, "hour": Kind.MOMENT}


def usage_report(usage: UsageReport) -> Report:
    """Return the usage in the form that is written down."""
    asked = usage_sheet(usage, usage.key)
    outlook = outlook_sheet(usage)
    return Report(
        name=f"usage-{usage.period}",
        sheets=[*(usage_sheet(usage, key) for key in usage.by), outlook],
        flat=asked,
        document=usage.document(),
        shown=[asked, outlook],
    )


def usage_sheet(usage: UsageReport, key: Key) -> Sheet:
    """Return a month's usage by a key."""
    return Sheet(
        name=sheet_name(f"By {key.removeprefix(METADATA)}"),
        title=f"Usage {usage.period} by {key}, amounts in {usage.currency.upper()}",
        columns=[heading_column(key), *COLUMNS],
        rows=[[name, *figures(total)] for name, total in usage.by[key].items()],
        currency=usage.currency,
        total=True,
        provisional=usage.provisional,
    )


def heading_column(key: Key) -> Column:
    """Return the column that a key's values stand in."""
    return Column(column_of(key), _KINDS.get(key, Kind.TEXT))


def outlook_sheet(usage: UsageReport) -> Sheet:
    """Return each customer's month so far, last month, and the forecast."""
    rows: list[Row] = [
        [
            outlook.customer,
            outlook.now.billed_minutes,
            outlook.now.billed_amount_micro,
            *_last_month(outlook),
            outlook.minutes,
            outlook.amount_micro,
        ]
        for outlook in usage.outlooks()
    ]
    to_date = " to date" if usage.is_running else ""
    return Sheet(
        name="Outlook",
        title=f"{usage.period}{to_date}, beside {usage.period.previous}",
        columns=(
            Column("customer"),
            *_pair("billed"),
            *_pair("last_month"),
            *(_pair("forecast") if usage.has_forecast else ()),
        ),
        rows=rows if usage.has_forecast else [row[:-2] for row in rows],
        currency=usage.currency,
        notes=[_method(usage)],
        total=True,
        provisional=usage.provisional,
    )


def _last_month(outlook: Outlook) -> tuple[Cell, Cell]:
    before = outlook.before
    if before is None:
        return Unknown(0), Unknown(0)
    return before.billed_minutes, before.billed_amount_micro


def _pair(name: str) -> tuple[Column, Column]:
    minutes = Column(f"{name}_minutes", Kind.MINUTES)
    return minutes, Column(f"{name}_amount", Kind.MONEY)


def _method(usage: UsageReport) -> str:
    if not usage.has_forecast:
        why = "it is not yet known for a whole day"
        return f"No forecast: {why if usage.is_running else 'the month is over'}."
    until = format_time(usage.known_until)
    return f"Forecast: {METHOD}; known until {until}, lines add up."
