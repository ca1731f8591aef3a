"""First contact in sentences: for whom nothing is sent, how much stands there, why."""

from collections import Counter
from collections.abc import Iterator, Sequence

from billing.domain.break_causes import Cause
from billing.domain.listed_names import listed_names
from billing.domain.meter_contact import (
    OPENING_REMEDY,
    ContactFindings,
    FirstSendWait,
    Opening,
    SendingStop,
)


def contact_complaints(findings: ContactFindings) -> Iterator[str]:
    """Say for whom nothing is sent before a person decides, and what to do."""
    if findings.openings:
        yield f"{openings_sentence(findings.openings)}; {OPENING_REMEDY}"
    for stops in stops_by_remedy(findings.stops):
        yield f"{stops_sentence(stops)}; {stops[0].remedy}"


def openings_sentence(openings: Sequence[Opening]) -> str:
    """Say how much of which months is not ours, and for whom nothing is sent."""
    verb = "stands" if sum(each.minutes for each in openings) == 1 else "stand"
    return (
        f"{_by_month(openings, '')} {verb} at the meter that this ledger never sent, "
        f"so nothing is sent for {_customers(openings)}"
    )


def stops_by_remedy(stops: Sequence[SendingStop]) -> list[list[SendingStop]]:
    """Put together what a person does the same about."""
    alike: dict[str, list[SendingStop]] = {}
    for stop in stops:
        alike.setdefault(stop.remedy, []).append(stop)
    return list(alike.values())


def stops_sentence(stops: Sequence[SendingStop]) -> str:
    """Say how much too much stands there, and for whom nothing is sent."""
    cases = sorted(stop.case for stop in stops)
    causes = ", ".join(sorted({stop.cause for stop in stops}))
    which = f"break {cases[0]}" if len(cases) == 1 else f"{len(cases):,} breaks"
    is_one = sum(each.minutes for each in stops) == 1
    if stops[0].cause is Cause.COUNTED_TWICE:
        found = f"{'was' if is_one else 'were'} counted twice"
    else:
        found = f"{'is' if is_one else 'are'} not from this ledger"
    return (
        f"{_by_month(stops, '+')} at the meter {found} ({which}, {causes}), "
        f"so nothing is sent for {_customers(stops)}"
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
