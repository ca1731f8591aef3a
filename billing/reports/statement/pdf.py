"""The statement as a PDF: what a finance team sends to a customer."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from billing.domain.foreign_text import each_text, visible_lines
from billing.domain.period import DAY, BillingPeriod
from billing.reports.sheets.cells import grouped
from billing.reports.sheets.formatting import Document, format_time
from billing.reports.statement.statement import (
    Statement,
    decided_words,
    month_of,
    reason_of,
    tie_lines,
)


def statement_pdf(statement: Statement) -> bytes:
    """Return the statement's pages; the same statement is the same bytes."""
    page = each_text(page_document(statement), visible_lines)
    # The customer's texts are data to the template, never part of its program.
    pages = _compiler().compile(
        _template(),
        sys_inputs={"statement": json.dumps(page)},
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


def page_document(statement: Statement) -> Document:
    """Return what the template shows: texts as they stand on the page."""
    month = statement.month
    calls, seconds, minutes, amount = statement.usage
    return {
        "customer": month.customer,
        "stripe_customer": month.stripe_customer,
        "period": _month_name(month.period),
        "span": f"{_day(month.period)} to {_last_day(month.period)}, UTC",
        "currency": statement.currency.upper(),
        "provisional": statement.provisional,
        "closed": _closing_words(statement),
        "digest": month.closed.digest if month.closed else "",
        "total": _figures(statement, *statement.billed),
        "usage": [f"{calls:,}", f"{seconds:,}", *_figures(statement, minutes, amount)],
        "adjusted": _figures(statement, *statement.adjusted),
        "days": [
            [
                f"{day.day:%a %d %b}",
                f"{day.calls:,}",
                f"{day.seconds:,}",
                *_figures(statement, day.minutes, day.amount_micro),
            ]
            for day in month.days
        ],
        "adjustments": [
            [
                month_of(correction),
                correction.call_id,
                reason_of(correction),
                f"{correction.posted_at:%Y-%m-%d}",
                *_figures(statement, correction.minutes, correction.amount_micro),
            ]
            for correction in month.corrections
        ],
        "decided": _decided(statement),
        "prices": [
            [
                f"{use.effective_from:%Y-%m-%d}" if use.effective_from else "",
                format(use.per_minute, "f") if use.per_minute is not None else "",
                *_figures(statement, use.minutes, use.amount_micro),
            ]
            for use in month.prices
        ],
        "stripe": [
            [what, f"{held:,}", words] for what, held, words in tie_lines(statement)
        ],
    }


def _decided(statement: Statement) -> list[list[str]]:
    return [
        [
            each.call_id,
            decided_words(each),
            f"{each.decided_at:%Y-%m-%d}",
            each.decided_by,
            each.reason,
        ]
        for each in statement.month.decided
    ]


def _figures(statement: Statement, minutes: int, amount_micro: int) -> list[str]:
    return [f"{minutes:,}", grouped(statement.amount(amount_micro))]


def _closing_words(statement: Statement) -> str:
    closed = statement.month.closed
    return f"Closed on {format_time(closed.closed_at)}" if closed else ""


def _month_name(period: BillingPeriod) -> str:
    return f"{period.start:%B %Y}"


def _day(period: BillingPeriod) -> str:
    return f"{period.start:%Y-%m-%d}"


def _last_day(period: BillingPeriod) -> str:
    return f"{period.end - DAY:%Y-%m-%d}"
