"""Shadow status: for whom nothing is sent, and for how many days parity has held."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from billing.domain.parity import CustomerParity, DayParity, ParityVerdict
from billing.domain.parity_sentences import (
    NOBODY_LEFT,
    REMOVE_THE_LINE,
    parity_sentence,
    shadow_sentence,
    taken_over_sentence,
)
from billing.domain.period import BillingPeriod
from billing.ledger.adopt.shadow import ShadowRule, read_shadow
from billing.ledger.database import Ledger
from billing.reports.sheets.formatting import Document, format_time


@dataclass(frozen=True, slots=True)
class ShadowStatus:
    """Who of the settings' customers is in shadow, and how parity stands."""

    customers: Sequence[str] = ()
    verdict: ParityVerdict = field(default_factory=ParityVerdict)
    taken_over: Sequence[str] = ()  # sent although the settings say shadow

    def document(self) -> Document | None:
        """Return it with stable names; None where the settings say no shadow."""
        if not self.customers and not self.taken_over:
            return None
        document = shadow_document(self.customers, self.verdict)
        return document | {"taken_over": list(self.taken_over)}

    def sentences(self) -> Iterator[str]:
        """Say for whom nothing is sent, or that the settings may say so no more."""
        if self.customers:
            yield shadow_sentence(self.customers)
            yield parity_sentence(self.verdict)
            if self.taken_over:
                yield taken_over_sentence(self.taken_over)
        elif self.taken_over:
            yield f"{NOBODY_LEFT.capitalize()}: {REMOVE_THE_LINE}"


def read_shadow_status(
    ledger: Ledger, rule: ShadowRule, periods: Iterable[BillingPeriod]
) -> ShadowStatus:
    """Return who is in shadow, and how parity stood when their meter was read last."""
    if not rule.is_on:
        return ShadowStatus()
    # Everybody asks for the status, and few are in shadow.
    from billing.ledger.queries.parity import read_verdict  # noqa: PLC0415

    with ledger.reading() as connection:
        customers = read_shadow(connection, rule).among(rule.stripe_customers)
        verdict = read_verdict(connection, customers, periods)
    taken_over = sorted(rule.stripe_customers.keys() - set(customers))
    return ShadowStatus(customers, verdict, taken_over)


def shadow_document(customers: Sequence[str], verdict: ParityVerdict) -> Document:
    """Return who is in shadow and how parity stands, with stable names."""
    return {
        "customers": list(customers),
        "held_days": verdict.held_days,
        "unread": list(verdict.unread),
        "broken": [_broken(each) for each in verdict.broken],
    }


def day_document(day: DayParity) -> Document:
    """Return a day with its causes."""
    return {
        "day": f"{day.day}",
        "ours": day.ours,
        "meter": day.meter,
        "difference_minutes": day.difference,
        "parity": day.state.value,
        "causes": [
            {
                "cause": share.cause.value,
                "minutes": share.minutes,
                "evidence": share.evidence,
                "calls": list(share.calls),
            }
            for share in day.shares
        ],
    }


def _broken(customer: CustomerParity) -> Document:
    return {
        "customer": customer.customer,
        "read_at": format_time(customer.read_at),
        **day_document(customer.judged[-1]),
    }
