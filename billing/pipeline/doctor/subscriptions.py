"""The terms of every customer at Stripe, read and judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.period import BillingPeriod, Window
from billing.domain.rating import Price
from billing.domain.subscription_terms import (
    find_grace_misfits,
    find_misfits,
    observed_grace,
)
from billing.errors import WHOLE_METER, MeterFault, NoSuchCustomer
from billing.pipeline.doctor.checks import Check
from billing.ports import Meter


@dataclass(frozen=True, slots=True)
class ExpectedTerms:
    """What Stripe's terms have to fit: the price now, and the grace in the settings."""

    price: Price
    grace: timedelta
    now: datetime


def check_subscriptions(
    meter: Meter, customers: Mapping[str, str], ours: ExpectedTerms
) -> Iterator[Check]:
    """Warn of whatever would be invoiced otherwise than the ledger has it."""
    grace: timedelta | None = None
    for name, stripe_customer in customers.items():
        what = f"subscription of {name}"
        try:
            items = meter.read_subscriptions(stripe_customer)
            if items and grace is None:
                # The grace period is the Stripe account's: one invoice tells it.
                window = _recently(ours.now)
                grace = observed_grace(meter.read_invoices(stripe_customer, window))
        except NoSuchCustomer:
            continue  # which is said where the customers are looked for
        except MeterFault as fault:
            remedy = "let the key read subscriptions, prices and invoices"
            yield Check(what, True, str(fault), remedy)
            if isinstance(fault, WHOLE_METER):
                return
            continue
        misfits = find_misfits(items, ours.price)
        for misfit in misfits:
            yield Check(what, True, misfit.found, misfit.remedy)
        if not misfits:
            yield Check(what, True, "a calendar month, at our price")
    misfits = find_grace_misfits(grace, ours.grace)
    for misfit in misfits:
        yield Check("grace period", True, misfit.found, misfit.remedy)
    if not misfits:
        found = "as the settings say" if grace else "no invoice tells yet"
        yield Check("grace period", True, found)


def _recently(now: datetime) -> Window:
    """Return a window that the invoice of the last month has lines in."""
    return Window(BillingPeriod.of(now).previous.previous.start, now)
