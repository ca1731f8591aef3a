"""A reconciliation as people and programs read it."""

from collections import Counter

from billing.domain.break_causes import CARRIED, Cause
from billing.domain.breaks import Break, CustomerFinding, MeterVerdict
from billing.domain.money import format_known
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.sheets.formatting import Document, spell

__all__ = [
    "CAUSE_HEADINGS",
    "HEALING_HEADINGS",
    "Reconciliation",
    "cause_lines",
    "is_only_unsettled",
    "reconciliation_document",
    "reconciliation_headings",
    "reconciliation_lines",
    "reconciliation_sentences",
]

HEADINGS = [
    "customer",
    "stripe customer",
    "Pamela",
    "ledger",
    "Stripe",
    "difference",
    "settled",
]
HEALING_HEADINGS = ["cause", "what was done", "minutes mended"]
CAUSE_HEADINGS = ["cause", "minutes", "what it means", "what to do"]


def reconciliation_document(found: Reconciliation, currency: str) -> Document:
    """Return a reconciliation with stable names; amounts are decimal strings."""
    return {
        "period": str(found.period),
        "settled": found.settled,
        "complete": found.complete,
        "clean": found.clean,
        "difference_minutes": found.difference_minutes,
        "quarantined": found.quarantined,
        "invoices_read": found.invoices_read,
        "invoices_fault": found.invoices_fault,
        "customers": [_customer(one, currency) for one in found.customers],
        "accounts": [
            {
                "account": account.account,
                "complete": account.complete,
                "usage_minutes": account.usage_minutes,
                "calls_minutes": account.calls_minutes,
                "difference_minutes": account.difference_minutes,
                "breaks": [_break(item, currency) for item in account.breaks],
            }
            for account in found.accounts
        ],
    }


def reconciliation_headings(found: Reconciliation) -> list[str]:
    """Return the headings of the lines; what was invoiced only where it was read."""
    return [*HEADINGS, *["invoiced"] * found.invoices_read, "breaks"]


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
            _difference(one.difference_minutes, known=_is_known(one)),
            "yes" if one.settled else "not yet",
            *["" if one.invoiced_minutes is None else one.invoiced_minutes]
            * found.invoices_read,
            _causes(one),
        ]
        for one in customers
    ]
    invoiced = [one.invoiced_minutes for one in customers]
    known = found.settled and all(_is_known(one) for one in customers)
    total: list[object] = [
        "total",
        "",
        sum(one.pamela_minutes for one in customers),
        sum(one.ledger_minutes for one in customers),
        sum(one.stripe_minutes for one in customers),
        _difference(found.difference_minutes, known=known),
        "yes" if found.settled else "not yet",
        *[sum(minutes or 0 for minutes in invoiced)] * found.invoices_read,
        sum(len(one.breaks) for one in customers) or "",
    ]
    return [[str(value) for value in line] for line in [*lines, total]]


def cause_lines(found: Reconciliation) -> list[list[str]]:
    """Return each cause that was found: its minutes, its meaning and its remedy."""
    minutes: Counter[Cause] = Counter()
    for _, _, item in found.breaks:
        minutes[item.cause] += item.minutes
    return [
        [cause.value, f"{minutes[cause]:+d}", cause.meaning, cause.remedy]
        for cause in Cause
        if cause in minutes
    ]


def _is_known(one: CustomerFinding) -> bool:
    return one.verdict is not MeterVerdict.WAITING


def _difference(minutes: int, *, known: bool) -> str:
    """Spell a difference; what is not known yet is never shown as zero."""
    if known:
        return str(minutes)
    return f"{minutes}?" if minutes else "?"


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
    if found.invoices_fault:
        said.append(f"What was invoiced could not be read: {found.invoices_fault}")
    carried = {item.cause for _, _, item in found.breaks} & CARRIED
    if found.clean and carried:
        said.append("Every difference stands in another month; the books agree.")
    elif found.clean:
        said.append("The three books agree, minute by minute.")
    elif is_only_unsettled(found):
        said.append(
            "Not settled yet: Stripe's summaries lag behind; reconcile again later."
        )
    else:
        known = found.settled and all(_is_known(one) for one in found.customers)
        so_far = "" if known else ", as far as is known"
        total = f"{found.difference_minutes:+d} minutes"
        said.append(f"Total difference: {total}{so_far}.")
    return said


def is_only_unsettled(found: Reconciliation) -> bool:
    """Say whether waiting for Stripe's summaries is all that is left to do."""
    causes = {item.cause for one in found.customers for item in one.breaks}
    return (
        causes - CARRIED == {Cause.NOT_SETTLED}
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
        "verdict": one.verdict.value,
        "unknown_minutes": one.unknown_minutes,
        "least_minutes": one.bounds.lower if one.bounds else one.stripe_minutes,
        "most_minutes": one.bounds.upper if one.bounds else one.stripe_minutes,
        "unexplained_minutes": one.unexplained_minutes,
        "invoiced_minutes": one.invoiced_minutes,
        "invoice_difference": one.invoice_difference,
        "invoice": one.invoice,
        "breaks": [_break(item, currency) for item in one.breaks],
    }


def _break(item: Break, currency: str) -> Document:
    return {
        "cause": item.cause.value,
        "minutes": item.minutes,
        "amount": format_known(item.known_amount_micro, currency),
        "calls": list(item.calls),
        "hour": spell(item.hour),
        "book": item.cause.book.value,
        "event": item.event,
        "evidence": item.evidence,
    }
