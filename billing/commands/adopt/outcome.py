"""What came of a cut-over, as lines, sentences and a document."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from billing.pipeline.adopt.cut_over import AdoptionState, CustomerCutOver
from billing.pipeline.adopt.decide import DecidedDifference
from billing.reports.sheets.formatting import Document, counted, format_time

CUT_OVER_HEADINGS = [
    "customer",
    "month",
    "reported by the other",
    "rated here",
    "difference",
    "state",
]
_STATES = {
    AdoptionState.ADOPTED: "taken over",
    AdoptionState.ALREADY: "taken over before",
    AdoptionState.POSSIBLE: "can be taken over",
    AdoptionState.WAITS: "waits",
    AdoptionState.REFUSED: "refused",
}


def cut_over_lines(results: Iterable[CustomerCutOver]) -> list[list[str]]:
    """Return a line under CUT_OVER_HEADINGS for each month that holds anything."""
    lines = []
    for result in results:
        state = _STATES[result.state]
        months = [month for month in result.months if month.holds_anything]
        for month in months:
            opening, rated = month.opening_minutes, month.rated_minutes
            figures = [f"{opening:,}", f"{rated:,}", f"{opening - rated:+,}"]
            lines.append([result.customer, str(month.period), *figures, state])
        if not months:
            lines.append([result.customer, "", "", "", "", state])
    return lines


def cut_over_sentences(
    from_hour: datetime, results: Sequence[CustomerCutOver]
) -> Iterator[str]:
    """Say what was done, who waits until when, and what is to be decided."""
    hour = f"{from_hour:%Y-%m-%dT%H:%MZ}"
    of_state: dict[AdoptionState, list[CustomerCutOver]] = {}
    for result in results:
        of_state.setdefault(result.state, []).append(result)
    if adopted := of_state.get(AdoptionState.ADOPTED):
        customers = counted(len(adopted), "customer")
        yield f"Taken over from {hour}: {customers}. The next sync sends what is ours."
    if possible := of_state.get(AdoptionState.POSSIBLE):
        customers = counted(len(possible), "customer")
        yield f"A dry run: {customers} can be taken over from {hour}; nothing was kept."
    if already := of_state.get(AdoptionState.ALREADY):
        customers = counted(len(already), "customer")
        yield f"Taken over from {hour} before: {customers}."
    for result in of_state.get(AdoptionState.WAITS, []):
        yield (
            f"{result.customer} waits: a second reading of the meter, a day after the "
            "first, has to say the same; run this again from "
            f"{format_time(result.until)}, or state --stopped-at or --sole-reporter."
        )
    for result in of_state.get(AdoptionState.REFUSED, []):
        yield f"{result.customer} was not taken over: {result.why}."
    differing = [result for result in results if result.differs]
    if differing and (adopted or possible):
        names = ", ".join(result.customer for result in differing[:5])
        yield (
            f"The other program's minutes are not those of the rated calls: {names}. "
            "After the next reconcile `adopt --difference send` sends what differs; "
            "`--difference leave` leaves it."
        )


def cut_over_document(
    from_hour: datetime, results: Iterable[CustomerCutOver], *, dry_run: bool
) -> Document:
    """Return the same with stable names; hours that another program's stand in."""
    return {
        "from": format_time(from_hour),
        "dry_run": dry_run,
        "customers": [
            {
                "customer": result.customer,
                "state": result.state.value,
                "until": format_time(result.until),
                "why": result.why,
                "months": [
                    {
                        "period": str(month.period),
                        "opening_minutes": month.opening_minutes,
                        "rated_minutes": month.rated_minutes,
                        "hours": {
                            str(format_time(hour)): minutes
                            for hour, minutes in sorted(month.split.opening.items())
                        },
                    }
                    for month in result.months
                ],
            }
            for result in results
        ],
    }


def decided_document(
    customer: str, choice: str, decided: Iterable[DecidedDifference]
) -> Document:
    """Return the differences that were sent, or left, with stable names."""
    return {
        "customer": customer,
        "difference": choice,
        "months": [
            {
                "period": str(each.period),
                "difference_minutes": each.minutes,
                "sent_in": format_time(each.hour),
            }
            for each in decided
        ],
    }


def decided_sentence(customer: str, decided: Iterable[DecidedDifference]) -> str:
    """Say the same in a sentence."""
    parts = [
        f"{each.minutes:+,} minutes of {each.period} "
        + ("are left" if each.hour is None else "are levelled by the next sync")
        for each in decided
    ]
    return f"{customer}: {', '.join(parts)}."
