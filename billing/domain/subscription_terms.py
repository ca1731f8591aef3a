"""Terms: whether what Stripe invoices fits a calendar month and our price."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from billing.domain.money import minor_per_unit
from billing.domain.rating import Price
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice

# Subscriptions that will invoice what is counted now.
ACTIVE = frozenset({"active", "trialing", "past_due"})
# A call of the last minute may go on for an hour, and the run after it is hourly.
SHORTEST_GRACE = timedelta(hours=2)
_LOOSE = timedelta(minutes=30)
_HOUR = timedelta(hours=1)


class Misfit(NamedTuple):
    """Something that is invoiced otherwise than the ledger has it, and the remedy."""

    found: str
    remedy: str


def find_misfits(items: Sequence[MeteredItem], price: Price) -> list[Misfit]:
    """Return what does not fit in the terms of a customer's subscriptions."""
    active = [item for item in items if item.status in ACTIVE]
    if not active:
        others = [f"{item.subscription} is {item.status}" for item in items]
        none = "no active subscription on the meter"
        remedy = "subscribe the customer to the metered price: until then its usage"
        remedy += " waits at Stripe and is on no invoice"
        return [Misfit(", ".join([none, *others]), remedy)]
    misfits = [misfit for item in active for misfit in _misfits_of(item, price)]
    if len(active) > 1:
        names = " and ".join(item.subscription for item in active)
        misfits.append(
            Misfit(
                f"{len(active)} active items on the meter, of {names}",
                "keep one: each of them invoices the same minutes",
            )
        )
    return misfits


def _misfits_of(item: MeteredItem, price: Price) -> Iterator[Misfit]:
    name, anchor = item.subscription, item.anchor
    if item.interval != "month":
        yield Misfit(
            f"{name} is invoiced every {item.interval}, not every month",
            "use a monthly price: reconciliation compares calendar months",
        )
    elif anchor != anchor.replace(day=1, hour=0, minute=0, second=0, microsecond=0):
        yield Misfit(
            f"the cycles of {name} begin as {anchor:%Y-%m-%dT%H:%M:%SZ} did",
            "set billing_cycle_anchor to the 1st of a month at 00:00:00 UTC, else its "
            "invoices are not those of calendar months",
        )
    if item.threshold:
        yield Misfit(
            f"{name} has billing thresholds",
            "remove them: they invoice in mid-month, and without late usage",
        )
    ours = price.per_minute * minor_per_unit(price.currency)
    if item.currency != price.currency or item.unit_amount_decimal != ours:
        exact = item.unit_amount_decimal
        theirs = "tiers" if exact is None else f"{exact:f} {item.currency}"
        yield Misfit(
            f"{name} bills {theirs} a minute in minor units, the ledger {ours:f} "
            f"{price.currency}",
            f"fix the price {item.price} at Stripe, or [[prices]] in the settings",
        )


def observed_grace(invoices: Iterable[StripeInvoice]) -> timedelta | None:
    """Return how long the newest invoice stays a draft; None when none tells."""
    newest: tuple[datetime, timedelta] | None = None
    for invoice in invoices:
        until = invoice.finalized_at or invoice.finalizes_at
        if until is not None and (newest is None or invoice.created_at > newest[0]):
            newest = invoice.created_at, until - invoice.created_at
    return newest and newest[1]


def find_grace_misfits(observed: timedelta | None, wanted: timedelta) -> list[Misfit]:
    """Return what is wrong with the time that invoices stay open for late usage."""
    misfits = []
    if observed is not None and abs(observed - wanted) > _LOOSE:
        misfits.append(
            Misfit(
                f"Stripe's invoices stay open for {_format(observed)}, "
                f"the settings say {_format(wanted)}",
                "set [stripe] grace_hours to what is true",
            )
        )
    grace = wanted if observed is None else observed
    if grace <= SHORTEST_GRACE:
        misfits.append(
            Misfit(
                f"{_format(grace)} is too short for usage of a month's last hour",
                "lengthen the invoices' grace period at Stripe (Billing, Invoices), up "
                "to 72 h: what arrives later is on no invoice",
            )
        )
    return misfits


def _format(span: timedelta) -> str:
    hours, rest = divmod(span, _HOUR)
    minutes = rest // timedelta(minutes=1)
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
