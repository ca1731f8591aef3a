"""Parity in sentences: for whom nothing is sent, and how parity stands."""

from collections.abc import Iterator, Sequence

from billing.domain.listed_names import listed_names
from billing.domain.parity import ParityVerdict

REMOVE_THE_LINE = 'take `send = "shadow"` out of [stripe] in the settings'
NOBODY_LEFT = "nobody is in shadow any more"


def shadow_sentence(customers: Sequence[str]) -> str:
    """Say for whom nothing is sent, and what ends that."""
    return (
        f"In shadow: nothing is sent for {listed_names(customers)}, whose meter "
        "another program feeds; `pamela-billing adopt` takes a meter over"
    )


def taken_over_sentence(customers: Sequence[str]) -> str:
    """Say who is sent although the settings say shadow."""
    return f"Taken over, and sent all the same: {listed_names(customers)}"


def parity_sentence(verdict: ParityVerdict) -> str:
    """Say for how many days parity has held, or why that is not known."""
    if verdict.unread:
        unread = listed_names(verdict.unread)
        return f"Parity is not known: the meter of {unread} was not read"
    if not any(customer.judged for customer in verdict.customers):
        return "Parity is not known yet: no day with minutes is over and settled"
    if verdict.broken:
        names = listed_names([customer.customer for customer in verdict.broken])
        return f"Parity is broken for {names}"
    days = verdict.held_days
    return f"Parity has held for {days:,} day{'' if days == 1 else 's'} with minutes"


def parity_complaints(verdict: ParityVerdict) -> Iterator[str]:
    """Say whose parity is broken, by how many minutes, why, and where to look."""
    for customer in verdict.broken:
        day = customer.judged[-1]
        causes = ", ".join(
            f"{share.minutes:+,d} {share.cause}"
            for share in day.shares
            if share.cause.breaks_parity
        )
        yield (
            f"{customer.customer}: parity is broken: on {day.day} its meter shows "
            f"{day.meter:,} minutes, and {day.ours:,} are rated here ({causes}); "
            f"see `pamela-billing report parity {day.day:%Y-%m} --customer "
            f"{customer.customer}`"
        )
