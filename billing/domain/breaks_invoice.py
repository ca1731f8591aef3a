"""Reconciling with the invoice: what was billed of the minutes on the meter."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.domain.stripe_invoice import StripeInvoice


@dataclass(frozen=True, slots=True)
class InvoicedMonth:
    """What final invoices say of a customer's month."""

    minutes: int
    names: tuple[str, ...]
    finalized_at: datetime | None

    @classmethod
    def of(cls, months: Collection["InvoicedMonth"]) -> "InvoicedMonth":
        """Add up the months of one customer that Stripe knows under several names."""
        moments = [month.finalized_at for month in months if month.finalized_at]
        return cls(
            sum(month.minutes for month in months),
            tuple(sorted({name for month in months for name in month.names})),
            max(moments, default=None),
        )


@dataclass(frozen=True, slots=True)
class ArrivedEvent:
    """A counted event, and when Stripe took it."""

    identifier: str
    hour: datetime
    charge: Charge
    calls: tuple[str, ...]
    taken_at: datetime


def invoiced_month(
    invoices: Iterable[StripeInvoice], period: BillingPeriod
) -> InvoicedMonth | None:
    """Add up the final lines of a month; None when no invoice covers its end.

    A line whose window reaches into another month says nothing of this one.
    """
    final = [
        (invoice, line)
        for invoice in invoices
        if invoice.final
        for line in invoice.lines
        if period.start <= line.window.start and line.window.end <= period.end
    ]
    if not any(line.window.end == period.end for _, line in final):
        return None
    moments = [i.finalized_at for i, _ in final if i.finalized_at]
    return InvoicedMonth(
        sum(line.quantity for _, line in final),
        tuple(sorted({invoice.name for invoice, _ in final})),
        max(moments, default=None),
    )


def find_invoice_breaks(
    difference: int, month: InvoicedMonth, arrived: Iterable[ArrivedEvent]
) -> list[Break]:
    """Say why an invoice's minutes are not the meter's; `difference` is theirs less."""
    if not difference:
        return []
    names, final = " ".join(month.names), month.finalized_at
    breaks = [
        Break(
            cause=Cause.INVOICED_BEFORE_IT_ARRIVED,
            minutes=-event.charge.minutes,
            amount_micro=-event.charge.amount_micro,
            calls=event.calls,
            hour=event.hour,
            event=event.identifier,
            evidence=f"{names} was final {final.isoformat()}, "
            f"Stripe took the event {event.taken_at.isoformat()}",
        )
        for event in arrived
        if final is not None and event.taken_at > final
    ]
    rest = difference - sum(item.minutes for item in breaks)
    if rest:
        breaks.append(
            Break(
                cause=Cause.INVOICE_DIFFERS,
                minutes=rest,
                amount_micro=0,
                evidence=names,
            )
        )
    return breaks


def with_invoice(
    finding: CustomerFinding, month: InvoicedMonth, arrived: Iterable[ArrivedEvent]
) -> CustomerFinding:
    """Add what was invoiced to what was found, with its breaks."""
    off = month.minutes - finding.stripe_minutes
    return replace(
        finding,
        breaks=(*finding.breaks, *find_invoice_breaks(off, month, arrived)),
        invoiced_minutes=month.minutes,
        invoice=" ".join(month.names),
    )
