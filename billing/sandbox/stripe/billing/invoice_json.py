"""How Stripe words invoices and their lines."""

from datetime import datetime

from billing.sandbox.stripe.billing.invoices import Invoice, Invoices, Line
from billing.sandbox.stripe.billing.subscriptions import AUTOMATIC
from billing.sandbox.stripe.http.paging import listing, plain_text

PATH = "/v1/invoices"
SHOWN_LINES = 10
Json = dict[str, object]


def invoice_json(invoices: Invoices, invoice: Invoice, now: datetime) -> Json:
    """Render an invoice as it is now."""
    subscription = invoices.subscription(invoice)
    lines = invoices.lines(invoice, now)
    upcoming = invoice.reason == "upcoming"
    status = "draft" if upcoming else invoices.status(invoice, now)
    finalized_at = None if status == "draft" else invoice.finalizes_at
    rows = [line_json(invoices, invoice, line) for line in lines]
    return {
        "id": invoice.id,
        "object": "invoice",
        "auto_advance": status in {"draft", "open"},
        "automatically_finalizes_at": (
            invoice.finalizes_at if status == "draft" else None
        ),
        "billing_reason": invoice.reason,
        "collection_method": AUTOMATIC,
        "created": int(now.timestamp()) if upcoming else invoice.end,
        "currency": subscription.currency,
        "customer": subscription.customer,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "effective_at": finalized_at,
        "lines": listing(
            f"{PATH}/{invoice.id}/lines",
            rows[:SHOWN_LINES],
            more=len(rows) > SHOWN_LINES,
        ),
        "livemode": subscription.livemode,
        "metadata": {},
        "number": None if finalized_at is None else invoice.id[3:],
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription.metadata),
                "subscription": subscription.id,
            },
            "type": "subscription_details",
        },
        "period_end": invoice.end,
        "period_start": invoice.start,
        "status": status,
    } | _payment(
        sum(line.amount for line in lines),
        finalized_at,
        invoices.paid_at(invoice, now) if status == "paid" else None,
    )


def _payment(total: int, finalized_at: int | None, paid_at: int | None) -> Json:
    return {
        "amount_due": total,
        "amount_paid": total if paid_at else 0,
        "amount_remaining": 0 if paid_at else total,
        "attempt_count": 0 if finalized_at is None else 1,
        "attempted": finalized_at is not None,
        "status_transitions": {
            "finalized_at": finalized_at,
            "marked_uncollectible_at": None,
            "paid_at": paid_at,
            "voided_at": None,
        },
        "subtotal": total,
        "total": total,
    }


def line_json(invoices: Invoices, invoice: Invoice, line: Line) -> Json:
    """Render a line; `quantity` is cut to a whole number, as Stripe's is."""
    subscription = invoices.subscription(invoice)
    return {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": line.price.currency,
        "description": f"{plain_text(line.quantity)} units of {line.price.product}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice.id,
        "livemode": subscription.livemode,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription.id,
                "subscription_item": line.item.id,
            },
            "type": "subscription_item_details",
        },
        "period": {"end": invoice.end, "start": invoice.start},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {
                "price": line.price.id,
                "product": line.price.product,
            },
            "type": "price_details",
            "unit_amount_decimal": plain_text(line.price.unit_amount),
        },
        "quantity": int(line.quantity),
        "quantity_decimal": plain_text(line.quantity),
        "subtotal": line.amount,
        "taxes": [],
    }
