"""The parity sheet: customer by day and hour, the meter beside what is rated here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from billing.domain.parity import (
    CustomerParity,
    ParityCause,
    ParityShare,
    ParityVerdict,
    merged,
)
from billing.domain.parity_sentences import parity_sentence
from billing.domain.period import BillingPeriod
from billing.errors import BadInput, UnknownName
from billing.ledger.database import Ledger
from billing.ledger.queries.parity import read_parity
from billing.reports.parity.shadow_status import day_document
from billing.reports.sheets.formatting import Document, format_time
from billing.reports.sheets.sheet import Column, Kind, Report, Row, Sheet

GROUPINGS = ("day", "hour")
_NAMES = 3
_FIGURES = (
    Column("ours", Kind.MINUTES),
    Column("meter", Kind.MINUTES),
    Column("difference", Kind.MINUTES),
)
_DAYS = (Column("customer"), Column("day", Kind.DAY), *_FIGURES, Column("parity"))
_HOURS = (Column("customer"), Column("hour", Kind.MOMENT), *_FIGURES)
_WHY = Column("causes")
_SHARES = (
    Column("customer"),
    Column("hour", Kind.MOMENT),
    Column("cause"),
    Column("minutes", Kind.MINUTES),
    Column("evidence"),
    Column("calls"),
)
_CAUSES = (
    Column("cause"),
    Column("minutes", Kind.MINUTES),
    Column("what_it_means"),
)
_READINGS = (
    Column("customer"),
    Column("meter_read_at", Kind.MOMENT),
    *_FIGURES,
    Column("parity"),
)


@dataclass(frozen=True, slots=True)
class ParityMonth:
    """A month of every customer whose meter was read by the hour, or of one."""

    period: BillingPeriod
    verdict: ParityVerdict

    @property
    def customers(self) -> Sequence[CustomerParity]:
        """The customers, by their names."""
        return self.verdict.customers

    @property
    def shares(self) -> tuple[ParityShare, ...]:
        """All causes of the month's difference."""
        return merged(
            ParityShare(share.cause, share.minutes)
            for customer in self.customers
            for day in customer.days
            for share in day.shares
        )


def read_parity_month(
    ledger: Ledger, period: BillingPeriod, customer: str | None = None
) -> ParityMonth:
    """Return a month's parity. Raises BadInput or UnknownName."""
    with ledger.reading() as connection:
        found = read_parity(connection, period, None)
    if not found:
        raise BadInput(
            f'no meter was read by the hour in {period}; set `send = "shadow"` under '
            "[stripe] in the settings, then `pamela-billing run`"
        )
    names = [each.customer for each in found]
    if customer is not None:
        if customer not in names:
            raise UnknownName("customer", customer, names, "the meters were read of")
        found = [each for each in found if each.customer == customer]
    return ParityMonth(period, ParityVerdict(tuple(found)))


def parity_report(month: ParityMonth, by: str) -> Report:
    """Return a month's parity in the form that is written down."""
    days = _sheet(month, "By day", "by day", (*_DAYS, _WHY), _days(month))
    hours = _sheet(month, "By hour", "by hour", (*_HOURS, _WHY), _hours(month))
    shares = _sheet(month, "Differences", "differences", _SHARES, _shares(month))
    causes = _sheet(month, "Causes", "causes", _CAUSES, _causes(month))
    readings = _sheet(month, "Meters", "meters", _READINGS, _readings(month))
    asked = hours if by == "hour" else days
    # A month has too many hours for a screen: those that agree are only in files.
    differing = [row for row in hours.rows if row[4]]
    brief = replace(hours, rows=differing, title=f"{hours.title}, where it differs")
    shown = replace(
        brief if by == "hour" else days, notes=[f"{parity_sentence(month.verdict)}."]
    )
    return Report(
        name=f"parity-{month.period}",
        sheets=[readings, days, hours, shares, causes],
        flat=asked,
        document=_document(month, by),
        shown=[causes, shown],
    )


def _sheet(
    month: ParityMonth,
    name: str,
    what: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
) -> Sheet:
    title = f"Parity {month.period}, {what}; difference: meter less ours, in minutes"
    return Sheet(name=name, title=title, columns=columns, rows=list(rows), total=True)


def _days(month: ParityMonth) -> Iterator[Row]:
    for customer in month.customers:
        for day in customer.days:
            figures = (day.ours, day.meter, day.difference)
            why = _why(day.shares)
            yield [customer.customer, day.day, *figures, day.state.value, why]


def _hours(month: ParityMonth) -> Iterator[Row]:
    for customer in month.customers:
        for hour in (hour for day in customer.days for hour in day.hours):
            figures = (hour.ours, hour.meter, hour.difference)
            yield [customer.customer, hour.hour, *figures, _why(hour.shares)]


def _shares(month: ParityMonth) -> Iterator[Row]:
    for customer in month.customers:
        for hour in (hour for day in customer.days for hour in day.hours):
            for share in hour.shares:
                yield [
                    customer.customer,
                    hour.hour,
                    share.cause.value,
                    share.minutes,
                    share.evidence,
                    " ".join(share.calls),
                ]


def _causes(month: ParityMonth) -> Iterator[Row]:
    for share in month.shares:
        yield [share.cause.value, share.minutes, share.cause.meaning]


def _readings(month: ParityMonth) -> Iterator[Row]:
    for customer in month.customers:
        ours = sum(day.ours for day in customer.days)
        meter = sum(day.meter for day in customer.days)
        state = customer.judged[-1].state.value if customer.judged else "not known yet"
        figures = (ours, meter, meter - ours)
        yield [customer.customer, customer.read_at, *figures, state]


def _why(shares: Iterable[ParityShare]) -> str:
    """Say why in a cell: each cause, its minutes, and what shows it."""
    return "; ".join(f"{s.minutes:+d} {s.cause}{_shown_by(s)}" for s in shares)


def _shown_by(share: ParityShare) -> str:
    if share.cause is ParityCause.MISSING_CALLS:
        more = len(share.calls) - _NAMES
        names = " ".join(share.calls[:_NAMES]) + (f" and {more} more" * (more > 0))
        return f": such as {names}" if names else ""
    return f": {share.evidence}" if share.evidence else ""


def _document(month: ParityMonth, by: str) -> Document:
    return {
        "period": str(month.period),
        "held_days": month.verdict.held_days,
        "broken": [each.customer for each in month.verdict.broken],
        "causes": [
            {"cause": share.cause.value, "minutes": share.minutes}
            for share in month.shares
        ],
        "customers": [_customer(each, by) for each in month.customers],
    }


def _customer(customer: CustomerParity, by: str) -> Document:
    days = [day_document(day) for day in customer.days]
    if by == "hour":
        for document, day in zip(days, customer.days, strict=True):
            document["hours"] = [
                {
                    "hour": format_time(hour.hour),
                    "ours": hour.ours,
                    "meter": hour.meter,
                    "difference_minutes": hour.difference,
                    "causes": [
                        {"cause": share.cause.value, "minutes": share.minutes}
                        for share in hour.shares
                    ],
                }
                for hour in day.hours
            ]
    return {
        "customer": customer.customer,
        "read_at": format_time(customer.read_at),
        "days": days,
    }
