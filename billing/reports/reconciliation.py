"""A reconciliation as people and programs read it."""

from collections import Counter

from billing.domain.causes import Cause
from billing.domain.money import format_micro
from billing.domain.reconciling import Break, CustomerFinding
from billing.ledger.findings import Reconciliation
from billing.reports.spelling import Document, spell

__all__ = [
    "HEADINGS",
    "Reconciliation",
    "is_only_unsettled",
    "reconciliation_document",
    "reconciliation_lines",
    "reconciliation_sentences",
]

HEADINGS = [
    *("customer", "stripe customer", "Pamela", "ledger", "Stripe"),
    *("difference", "settled", "breaks"),
]


def reconciliation_document(found: Reconciliation, currency: str) -> Document:
    """Return a reconciliation with stable names; amounts are decimal strings."""
    return {
        "period": str(found.period),
        "settled": found.settled,
        "complete": found.complete,
        "clean": found.clean,
        "difference_minutes": found.difference_minutes,
        "quarantined": found.quarantined,
        "customers": [_customer(one, currency) for one in found.customers],
        "accounts": [
            {
                "account": account.account,
                "complete": account.complete,
                "usage_minutes": account.usage_minutes,
                "calls_minutes": account.calls_minutes,
                "difference_minutes": account.difference_minutes,
            }
            for account in found.accounts
        ],
    }


def reconciliation_lines(found: Reconciliation) -> list[list[str]]:
    """Return a line for each customer, and the total last, as texts."""
    customers = found.customers
    lines: list[list[object]] = [
        [
            one.customer,
            one.stripe_customer,
            one.pamela_minutes,
            one.ledger_minutes,
            one.stripe_minutes,
            one.difference_minutes,
            "yes" if one.settled else "not yet",
            _causes(one),
        ]
        for one in customers
    ]
    total: list[object] = [
        "total",
        "",
        sum(one.pamela_minutes for one in customers),
        sum(one.ledger_minutes for one in customers),
        sum(one.stripe_minutes for one in customers),
        found.difference_minutes,
        "yes" if found.settled else "not yet",
        sum(len(one.breaks) for one in customers) or "",
    ]
    return [[str(value) for value in line] for line in [*lines, total]]


def reconciliation_sentences(found: Reconciliation) -> list[str]:
    """Say what a reconciliation comes to, the verdict last."""
    said = [
        f"Account {account.account} was not read whole: pull {found.period} again."
        for account in found.accounts
        if not account.complete
    ]
    said += [
        f"Account {account.account}: its calls add up to {account.calls_minutes} "
        f"minutes, its own total is {account.usage_minutes}."
        for account in found.accounts
        if account.difference_minutes
    ]
    if found.quarantined:
        said.append(
            f"{found.quarantined} calls are in quarantine: `pamela-billing status`."
        )
    if found.clean:
        said.append("The three books agree, minute by minute.")
    elif is_only_unsettled(found):
        said.append(
            "Not settled yet: Stripe's summaries lag behind; reconcile again later."
        )
    else:
        said.append(f"Total difference: {found.difference_minutes:+d} minutes.")
    return said


def is_only_unsettled(found: Reconciliation) -> bool:
    """Say whether waiting for Stripe's summaries is all that is left to do."""
    causes = {item.cause for one in found.customers for item in one.breaks}
    return (
        causes == {Cause.NOT_SETTLED}
        and found.complete
        and not found.quarantined
        and not any(account.difference_minutes for account in found.accounts)
    )


def _causes(one: CustomerFinding) -> str:
    minutes: Counter[str] = Counter()
    for item in one.breaks:
        minutes[item.cause.value] += item.minutes
    return ", ".join(f"{cause} {total:+d}" for cause, total in minutes.items())


def _customer(one: CustomerFinding, currency: str) -> Document:
    return {
        "customer": one.customer,
        "stripe_customer": one.stripe_customer,
        "pamela_minutes": one.pamela_minutes,
        "ledger_minutes": one.ledger_minutes,
        "stripe_minutes": one.stripe_minutes,
        "difference_minutes": one.difference_minutes,
        "settled": one.settled,
        "breaks": [_break(item, currency) for item in one.breaks],
    }


def _break(item: Break, currency: str) -> Document:
    return {
        "cause": item.cause.value,
        "minutes": item.minutes,
        "amount": format_micro(item.amount_micro, currency),
        "calls": list(item.calls),
        "hour": spell(item.hour),
    }
