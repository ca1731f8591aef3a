"""Invoices: what was billed of the minutes, and on which terms."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.domain.period import Window


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Minutes on an invoice; a price with tiers has several lines."""

    price: str
    quantity: int
    window: Window
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class StripeInvoice:
    """One invoice, with nothing but its lines on the meter."""

    name: str
    status: str
    final: bool  # its quantities change no more, and they are billed
    created_at: datetime
    finalized_at: datetime | None
    finalizes_at: datetime | None
    lines: tuple[InvoiceLine, ...]


@dataclass(frozen=True, slots=True)
class MeteredItem:
    """One item of a subscription that bills the meter's minutes."""

    subscription: str
    item: str
    price: str
    status: str
    anchor: datetime  # each of its billing cycles begins at this day and time
    unit_amount_decimal: Decimal | None  # in minor units; None where tiers say it
    currency: str
    interval: str
    threshold: bool = False  # whether an invoice is also made in mid-cycle
