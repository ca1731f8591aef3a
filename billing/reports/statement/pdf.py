"""The statement as a PDF: what a finance team sends to a customer."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from billing.domain.period import DAY, BillingPeriod
from billing.reports.sheets.cells import grouped
from billing.reports.sheets.formatting import Document, spell
from billing.reports.statement.statement import (
    Statement,
    month_of,
    reason_of,
    tie_lines,
)


def statement_pdf(found: Statement) -> bytes:
    """Return the statement's pages; the same statement is the same bytes."""
    # The customer's texts are data to the template, never part of its program.
    pages = _compiler().compile(
        _template(),
        sys_inputs={"statement": json.dumps(page_document(found))},
        format="pdf",
        timestamp=0,
    )
    return bytes(pages)


@cache
def _compiler() -> Any:
    # Loaded only for pages; it reads its fonts once for all statements.
    from typst import Compiler  # noqa: PLC0415

    return Compiler()


@cache
def _template() -> bytes:
    return files("billing.reports.statement").joinpath("statement.typ").read_bytes()


def page_document(found: Statement) -> Document:
    """Return what the template shows: texts as they stand on the page."""
    month = found.month
    calls, seconds, minutes, amount = found.usage
    return {
        "customer": month.customer,
        "stripe_customer": month.stripe_customer,
        "period": _month_name(month.period),
        "span": f"{_day(month.period)} to {_last_day(month.period)}, UTC",
        "currency": found.currency.upper(),
        "provisional": found.provisional,
        "closed": _closing_words(found),
        "digest": month.closed.digest if month.closed else "",
        "total": _figures(found, *found.billed),
        "usage": [f"{calls:,}", f"{seconds:,}", *_figures(found, minutes, amount)],
        "adjusted": _figures(found, *found.adjusted),
        "days": [
            [
                f"{day.day:%a %d %b}",
                f"{day.calls:,}",
                f"{day.seconds:,}",
                *_figures(found, day.minutes, day.amount_micro),
            ]
            for day in month.days
        ],
        "adjustments": [
            [
                month_of(one),
                one.call_id,
                reason_of(one),
                f"{one.posted_at:%Y-%m-%d}",
                *_figures(found, one.minutes, one.amount_micro),
            ]
            for one in month.corrections
        ],
        "prices": [
            [
                f"{use.effective_from:%Y-%m-%d}" if use.effective_from else "",
                format(use.per_minute, "f") if use.per_minute is not None else "",
                *_figures(found, use.minutes, use.amount_micro),
            ]
            for use in month.prices
        ],
        "stripe": [[what, f"{held:,}", said] for what, held, said in tie_lines(found)],
    }


def _figures(found: Statement, minutes: int, amount_micro: int) -> list[str]:
    return [f"{minutes:,}", grouped(found.amount(amount_micro))]


def _closing_words(found: Statement) -> str:
    closed = found.month.closed
    return f"Closed on {spell(closed.closed_at)}" if closed else ""


def _month_name(period: BillingPeriod) -> str:
    return f"{period.start:%B %Y}"


def _day(period: BillingPeriod) -> str:
    return f"{period.start:%Y-%m-%d}"


def _last_day(period: BillingPeriod) -> str:
    return f"{period.end - DAY:%Y-%m-%d}"
