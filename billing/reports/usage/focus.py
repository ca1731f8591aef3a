"""FOCUS: the usage charges of a month, in the columns of the FinOps specification 1.2.

https://focus.finops.org: every column that is mandatory, and those that apply where it
is conditional or recommended. A row is an hour of one customer's account; a correction
of an earlier month is a row of its own, in the hour that it corrects.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from billing.domain.period import HOUR, BillingPeriod
from billing.domain.rating import PriceList
from billing.ledger.close.period_close import closed_month
from billing.ledger.database import Ledger
from billing.ledger.queries.hourly_charges import (
    HourlyCharge,
    InvoiceReading,
    carried_by,
    hourly_charges,
    invoice_readings,
)
from billing.ledger.registry import known_prices
from billing.reports.sheets.cells import format_cell
from billing.reports.sheets.formatting import Document
from billing.reports.sheets.sheet import (
    PROVISIONAL,
    Cell,
    Column,
    Kind,
    Report,
    Row,
    Sheet,
)

VERSION = "1.2"
MAKER = "Pamela"
_SKU = "phone-call-minute"


class _Charge(NamedTuple):
    """A charge with all that its row tells."""

    charge: HourlyCharge
    period: BillingPeriod
    stripe_customer: str
    price: Decimal
    invoice: str | None
    provider: str
    provisional: bool

    @property
    def description(self) -> str:
        """What it is for, and at which price."""
        code = self.charge.currency.upper()
        what = f"Phone call minutes at {self.price:f} {code} a minute"
        month = BillingPeriod.of(self.charge.hour)
        return f"{what}, corrects {month}" if self.charge.corrects else what


_Field = tuple[Column, Callable[[_Charge], Cell]]


def _text(name: str, value: Callable[[_Charge], str | None]) -> _Field:
    return Column(name), value


def _fixed(name: str, value: str) -> _Field:
    return Column(name), lambda _row: value


def _cost(name: str) -> _Field:
    return Column(name, Kind.MONEY), lambda row: row.charge.amount_micro


def _price(name: str) -> _Field:
    return Column(name, Kind.PRICE), lambda row: row.price


def _quantity(name: str) -> _Field:
    return Column(name, Kind.MINUTES), lambda row: row.charge.minutes


_FIELDS: tuple[_Field, ...] = (
    _cost("BilledCost"),
    _text("BillingAccountId", lambda row: row.stripe_customer),
    _text("BillingAccountName", lambda row: row.charge.customer),
    _fixed("BillingAccountType", "Stripe customer"),
    _text("BillingCurrency", lambda row: row.charge.currency.upper()),
    (Column("BillingPeriodEnd", Kind.MOMENT), lambda row: row.period.end),
    (Column("BillingPeriodStart", Kind.MOMENT), lambda row: row.period.start),
    _fixed("ChargeCategory", "Usage"),
    _text("ChargeClass", lambda row: "Correction" if row.charge.corrects else None),
    _text("ChargeDescription", lambda row: row.description),
    _fixed("ChargeFrequency", "Usage-Based"),
    (Column("ChargePeriodEnd", Kind.MOMENT), lambda row: row.charge.hour + HOUR),
    (Column("ChargePeriodStart", Kind.MOMENT), lambda row: row.charge.hour),
    _quantity("ConsumedQuantity"),
    _fixed("ConsumedUnit", "Minutes"),
    _cost("ContractedCost"),
    _price("ContractedUnitPrice"),
    _cost("EffectiveCost"),
    _text("InvoiceId", lambda row: row.invoice),
    _text("InvoiceIssuerName", lambda row: row.provider),
    _cost("ListCost"),
    _price("ListUnitPrice"),
    _fixed("PricingCategory", "Standard"),
    _quantity("PricingQuantity"),
    _fixed("PricingUnit", "Minutes"),
    _text("ProviderName", lambda row: row.provider),
    _fixed("PublisherName", MAKER),
    _fixed("ServiceCategory", "AI and Machine Learning"),
    _fixed("ServiceName", "Phone calls"),
    _fixed("ServiceSubcategory", "Bots"),
    _fixed("SkuId", _SKU),
    _fixed("SkuMeter", "Phone call minutes"),
    _fixed("SkuPriceId", _SKU),
    _text("SubAccountId", lambda row: row.charge.account),
    _text("SubAccountName", lambda row: row.charge.account),
    _fixed("SubAccountType", "Pamela account"),
    _text("x_Provisional", lambda row: "true" if row.provisional else "false"),
)
COLUMNS = tuple(column for column, _ in _FIELDS)
_CURRENCY = [column.name for column in COLUMNS].index("BillingCurrency")


def read_focus(ledger: Ledger, period: BillingPeriod, provider: str = MAKER) -> Report:
    """Return a month's usage charges. Raises LedgerFault."""
    with ledger.reading() as connection:
        charges = hourly_charges(connection, period)
        readings = invoice_readings(connection, period)
        carriers = carried_by(connection, period)
        listed = PriceList(known_prices(connection))
        provisional = closed_month(connection, period) is None
    invoices = _covering(charges, readings)
    rows: list[Row] = []
    for charge in charges:
        row = _Charge(
            charge=charge,
            period=period,
            stripe_customer=carriers.of(charge),
            price=listed.at(charge.hour).per_minute,
            invoice=invoices.get(charge.customer),
            provider=provider,
            provisional=provisional,
        )
        rows.append([value(row) for _, value in _FIELDS])
    return _report(period, rows, provisional=provisional)


def _covering(
    charges: list[HourlyCharge], readings: Mapping[str, InvoiceReading]
) -> dict[str, str | None]:
    """Return, by customer, the one invoice that bills just these minutes."""
    minutes: dict[str, int] = defaultdict(int)
    for charge in charges:
        minutes[charge.customer] += charge.minutes
    return {
        customer: read.invoice
        for customer, read in readings.items()
        if read.minutes == minutes.get(customer) and " " not in (read.invoice or "")
    }


def _report(period: BillingPeriod, rows: list[Row], *, provisional: bool) -> Report:
    currencies = {str(row[_CURRENCY]).lower() for row in rows}
    currency = min(currencies, default="usd")
    # No column that the specification does not know: the mark is in one of ours.
    sheet = Sheet(
        name="FOCUS",
        title=f"FOCUS {VERSION} usage charges of {period}",
        columns=COLUMNS,
        rows=rows,
        currency=currency,
        notes=[PROVISIONAL] if provisional else [],
    )
    document: Document = {
        "focus_version": VERSION,
        "period": str(period),
        "provisional": provisional,
        "rows": [
            {
                column.name: None
                if cell is None
                else format_cell(column, cell, currency)
                for column, cell in zip(COLUMNS, row, strict=True)
            }
            for row in rows
        ],
    }
    return Report(name=f"focus-{period}", sheets=[sheet], flat=sheet, document=document)
