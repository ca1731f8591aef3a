"""First contact in sentences: for whom nothing is sent, how much stands there, why."""

from collections import Counter
from collections.abc import Iterator, Sequence

from billing.domain.listed_names import listed_names
from billing.domain.meter_contact import (
    OPENING_REMEDY,
    STOP_REMEDY,
    ContactFindings,
    FirstSendWait,
    Opening,
    SendingStop,
)


def contact_complaints(findings: ContactFindings) -> Iterator[str]:
    """Say for whom nothing is sent before a person decides, and what to do."""
    if findings.openings:
        yield f"{openings_sentence(findings.openings)}; {OPENING_REMEDY}"
    if findings.stops:
        yield f"{stops_sentence(findings.stops)}; {STOP_REMEDY}"


def openings_sentence(openings: Sequence[Opening]) -> str:
    """Say how much of which months is not ours, and for whom nothing is sent."""
    verb = "stands" if sum(each.minutes for each in openings) == 1 else "stand"
    return (
        f"{_by_month(openings, '')} {verb} at the meter that this ledger never sent, "
        f"so nothing is sent for {_customers(openings)}"
    )


def stops_sentence(stops: Sequence[SendingStop]) -> str:
    """Say how much somebody else reports beside us, and for whom nothing is sent."""
    cases = sorted(stop.case for stop in stops)
    causes = ", ".join(sorted({stop.cause for stop in stops}))
    which = f"break {cases[0]}" if len(cases) == 1 else f"{len(cases):,} breaks"
    return (
        f"{_by_month(stops, '+')} at the meter "
        f"{'is' if sum(each.minutes for each in stops) == 1 else 'are'} not from this "
        f"ledger ({which}, {causes}), so nothing is sent for {_customers(stops)}"
    )


def waits_sentence(waits: Sequence[FirstSendWait]) -> str:
    """Say until when first sends wait."""
    until = max(wait.until for wait in waits)
    return (
        f"the first send for {_customers(waits)} waits until "
        f"{until:%Y-%m-%dT%H:%M:%SZ}, when the month is read a second time, a day "
        "after the first"
    )


def _customers(found: Sequence[Opening | FirstSendWait | SendingStop]) -> str:
    return listed_names(sorted({each.customer for each in found}))


def _by_month(found: Sequence[Opening | SendingStop], sign: str) -> str:
    minutes: Counter[str] = Counter()
    for each in found:
        minutes[str(each.period)] += each.minutes
    return " and ".join(
        f"{total:{sign},} minute{'' if abs(total) == 1 else 's'} of {period}"
        for period, total in sorted(minutes.items())
    )
