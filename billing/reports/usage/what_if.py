"""The what-if report: a real month by another price or rule, beside what it was."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from billing.domain.money import DEFAULT_CURRENCY
from billing.domain.period import BillingPeriod
from billing.domain.rating import Price, PriceList
from billing.domain.what_if import PRESENT, Rule, seconds_amount_micro
from billing.errors import BadInput
from billing.ledger.close.period_close import closed_month
from billing.ledger.database import Ledger
from billing.ledger.known_months import refuse_unknown_month
from billing.ledger.queries.billed_calls import BilledCall, billed_calls, carried_usage
from billing.ledger.queries.usage_totals import currency_of
from billing.ledger.registry import known_prices
from billing.reports.sheets.cells import document_of
from billing.reports.sheets.sheet import Column, Kind, Report, Row, Sheet
from billing.reports.usage.rounding import left_out

_FIGURES = (
    Column("seconds", Kind.SECONDS),
    Column("billed_minutes", Kind.MINUTES),
    Column("billed_amount", Kind.MONEY),
    Column("what_if_seconds", Kind.SECONDS),
    Column("what_if_amount", Kind.MONEY),
    Column("difference", Kind.MONEY),
)
_BY_CUSTOMER = (Column("customer"), Column("calls", Kind.COUNT), *_FIGURES)
_BY_CALL = (
    Column("account"),
    Column("customer"),
    Column("call"),
    Column("started_at", Kind.MOMENT),
    *_FIGURES,
)


@dataclass(frozen=True, slots=True)
class RatingTerms:
    """By what a month is rated again; without a price, by those that held."""

    rule: Rule = PRESENT
    per_minute: Decimal | None = None

    def __str__(self) -> str:
        price = "the prices that held"
        if self.per_minute is not None:
            price = f"{self.per_minute:f} a minute"
        return f"{self.rule}, at {price}"


def read_terms(price: str | None, *, step: int, least: int) -> RatingTerms:
    """Read terms as they were typed. Raises BadInput."""
    try:
        per_minute = None if price is None else Decimal(price)
        if per_minute is not None:
            Price(datetime.min.replace(tzinfo=UTC), per_minute)
        return RatingTerms(Rule(step, least), per_minute)
    except InvalidOperation:
        raise BadInput(f"a price is a number such as 0.12, not {price}") from None
    except ValueError as fault:
        raise BadInput(f"{fault}") from None


class _Rating:
    """Rates calls again; nothing is written."""

    def __init__(self, terms: RatingTerms, prices: PriceList) -> None:
        self._terms, self._prices = terms, prices

    def figures(self, call: BilledCall) -> tuple[int, int, int, int, int, int]:
        """Return a call's figures as they are and as they would be."""
        seconds = self._terms.rule.billed_seconds(call.seconds)
        amount = seconds_amount_micro(seconds, self._price(call))
        gain = amount - call.amount_micro
        return call.seconds, call.minutes, call.amount_micro, seconds, amount, gain

    def line(self, call: BilledCall) -> Row:
        """Return a call as a row of its own."""
        names = call.account, call.customer, call.call_id, call.started_at
        return *names, *self.figures(call)

    def _price(self, call: BilledCall) -> Price:
        held = self._prices.at(call.started_at)
        if self._terms.per_minute is None:
            return held
        return Price(held.effective_from, self._terms.per_minute, held.currency)


@contextmanager
def rerated(
    ledger: Ledger, period: BillingPeriod, terms: RatingTerms, *, by_call: bool
) -> Iterator[Report]:
    """Give a month rated again, by customer, and call by call as a stream.

    Raises BadInput for an unknown month, LedgerFault.
    """
    with ledger.reading() as connection:
        refuse_unknown_month(connection, period)
        rating = _Rating(terms, PriceList(known_prices(connection)))
        currency = currency_of(connection, period) or DEFAULT_CURRENCY
        common: dict[str, Any] = {
            "currency": currency,
            "total": True,
            "provisional": closed_month(connection, period) is None,
        }
        title = f"{period} {terms}, amounts in {currency.upper()}"
        notes = left_out(carried_usage(connection, period), currency)
        rows = _by_customer(rating, billed_calls(connection, period))
        sums = Sheet(
            name="What if",
            title=title,
            columns=_BY_CUSTOMER,
            rows=rows,
            notes=notes,
            **common,
        )
        document = {
            "period": str(period),
            "currency": currency,
            "terms": str(terms),
            **document_of(sums),
        }
        name = f"what-if-{period}"
        if not by_call:
            yield Report(name=name, sheets=[sums], flat=sums, document=document)
            return
        stream = map(rating.line, billed_calls(connection, period))
        calls = Sheet(
            name="Calls", title=title, columns=_BY_CALL, rows=stream, **common
        )
        yield Report(name=name, sheets=[sums, calls], flat=calls, document=document)


def _by_customer(rating: _Rating, calls: Iterator[BilledCall]) -> list[Row]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * (len(_FIGURES) + 1))
    for call in calls:
        line = sums[call.customer]
        for at, figure in enumerate((1, *rating.figures(call))):
            line[at] += figure
    return [[name, *sums[name]] for name in sorted(sums)]
