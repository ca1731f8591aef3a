"""The rounding report: what started minutes and the one-minute floor bring in."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from billing.domain.money import DEFAULT_CURRENCY, format_micro
from billing.domain.period import BillingPeriod
from billing.domain.rating import SECONDS_PER_MINUTE, Price, PriceList
from billing.domain.what_if import UNFLOORED, seconds_amount_micro
from billing.ledger.close.period_close import closed_month
from billing.ledger.database import Ledger
from billing.ledger.known_months import refuse_unknown_month
from billing.ledger.queries.billed_calls import (
    BilledCall,
    Carried,
    billed_calls,
    carried_usage,
)
from billing.ledger.queries.usage_totals import currency_of
from billing.ledger.registry import known_prices
from billing.reports.sheets.cells import document_of
from billing.reports.sheets.sheet import Column, Kind, Report, Row, Sheet

COLUMNS = (
    Column("customer"),
    Column("calls", Kind.COUNT),
    Column("short_calls", Kind.COUNT),
    Column("talk_seconds", Kind.SECONDS),
    Column("talk_amount", Kind.MONEY),
    Column("rounding_seconds", Kind.SECONDS),
    Column("rounding_amount", Kind.MONEY),
    Column("floor_seconds", Kind.SECONDS),
    Column("floor_amount", Kind.MONEY),
    Column("billed_minutes", Kind.MINUTES),
    Column("billed_amount", Kind.MONEY),
    Column("added_percent", Kind.SHARE),
)

_NOTE = (
    "Seconds are billed as started minutes (rounding), and a call of no seconds as "
    "one minute (floor)."
)


@dataclass(slots=True)
class Rounded:
    """One customer's calls: what was talked, and what is billed for it."""

    calls: int = 0
    short_calls: int = 0
    minutes: int = 0
    amount_micro: int = 0
    talked: Counter[Price] = field(default_factory=Counter)
    rounded: Counter[Price] = field(default_factory=Counter)
    floored: Counter[Price] = field(default_factory=Counter)

    def add(self, call: BilledCall, price: Price) -> None:
        """Add a call; its seconds go to the price that held when it began."""
        up = UNFLOORED.billed_seconds(call.seconds)
        self.calls += 1
        self.short_calls += call.seconds < SECONDS_PER_MINUTE
        self.minutes += call.minutes
        self.amount_micro += call.amount_micro
        self.talked[price] += call.seconds
        self.rounded[price] += up - call.seconds
        self.floored[price] += call.minutes * SECONDS_PER_MINUTE - up

    def row(self, customer: str) -> Row:
        """Return the figures in the order of COLUMNS; the parts add up."""
        talk, floor = _amount(self.talked), _amount(self.floored)
        added = self.amount_micro - talk
        share = Fraction(added, self.amount_micro) if self.amount_micro else None
        return [
            customer,
            self.calls,
            self.short_calls,
            self.talked.total(),
            talk,
            self.rounded.total(),
            added - floor,
            self.floored.total(),
            floor,
            self.minutes,
            self.amount_micro,
            share,
        ]


def read_rounding(ledger: Ledger, period: BillingPeriod) -> Report:
    """Return the report of a month. Raises BadInput for an unknown month."""
    rounded: dict[str, Rounded] = {}
    with ledger.reading() as connection:
        refuse_unknown_month(connection, period)
        currency = currency_of(connection, period) or DEFAULT_CURRENCY
        prices = PriceList(known_prices(connection))
        provisional = closed_month(connection, period) is None
        carried = carried_usage(connection, period)
        for call in billed_calls(connection, period):
            price = prices.at(call.started_at)
            rounded.setdefault(call.customer, Rounded()).add(call, price)
    sheet = Sheet(
        name="Rounding",
        title=f"Rounding in {period}, amounts in {currency.upper()}",
        columns=COLUMNS,
        rows=[rounded[name].row(name) for name in sorted(rounded)],
        currency=currency,
        notes=[_NOTE, *left_out(carried, currency)],
        total=True,
        provisional=provisional,
    )
    document = {"period": str(period), "currency": currency, **document_of(sheet)}
    return Report(
        name=f"rounding-{period}", sheets=[sheet], flat=sheet, document=document
    )


def left_out(carried: Carried, currency: str) -> list[str]:
    """Say what of the month's bill no call of the month is behind."""
    if not carried.rows:
        return []
    amount = format_micro(carried.amount_micro, currency)
    billed = f"{carried.minutes:+d} minutes, {amount} {currency.upper()}"
    return [f"Left out: {billed}, which the month bills of other months' calls."]


def _amount(seconds: Counter[Price]) -> int:
    return sum(seconds_amount_micro(held, price) for price, held in seconds.items())
