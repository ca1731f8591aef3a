"""What two daemons did, told line by line, with the truth at the end."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.crash.daemons import CUSTOMERS, SLOW, Duo, kill_one_of_two, refuse_a_second
from tests.crash.matrix import Ground
from tests.crash.processes.databases import POSTGRESQL, SQLITE

SECOND = timedelta(seconds=1)
Sentence = tuple[timedelta, str, str]


def show_two_daemons(place: Ground, console: Console) -> bool:
    """Kill one of two, and show it; say whether all was as it must be."""
    duo = kill_one_of_two(place)
    title = (
        f"Two daemons, {POSTGRESQL}, {len(CUSTOMERS)} customers, an answer from Stripe "
        f"takes {SLOW.detail} ms"
    )
    table = Table("s since kill", "who", "what", title=title)
    names = {duo.killed: "A", duo.survivor: "B"}
    for after, owner, words in sorted(
        _sentences(duo), key=lambda sentence: sentence[0]
    ):
        table.add_row(_seconds(after), names[owner], escape(words))
    console.print(table)
    for name, owner in zip("AB", names, strict=True):
        console.print(f"{name} signs as {owner}", markup=False)
    console.print(_truth(duo), markup=False)
    code, output = refuse_a_second(place, SQLITE)
    words = json.loads(output)["error"]["message"]
    console.print(
        f"\nTwo daemons, {SQLITE}: the second ends, exit code {code}, and says"
    )
    console.print(f"    {words}", markup=False)
    return duo.good and code == 2


def _sentences(duo: Duo) -> Iterator[Sentence]:
    for line in duo.lines:
        yield line.after, line.owner, f"{line.step}: {line.words}"
    made = Counter((attempt.after // SECOND, attempt.owner) for attempt in duo.attempts)
    for (second, owner), count in made.items():
        last = max(
            attempt.after
            for attempt in duo.of(owner)
            if attempt.after // SECOND == second
        )
        yield last, owner, f"sends: {count} requests in this second"
    unanswered = len(duo.unanswered)
    yield (
        timedelta(),
        duo.killed,
        f"KILLED (SIGKILL), with {unanswered} requests under way",
    )
    for customer, after in duo.taken_over.items():
        yield after, duo.survivor, f"goes on with {customer}, whom A was at"


def _truth(duo: Duo) -> str:
    totals = ", ".join(f"{minutes:,} {side}" for side, minutes in duo.minutes.items())
    lost, doubled, faults = duo.balance
    waits = sorted(duo.taken_over.values())
    spans = f"after {_seconds(waits[0])} to {_seconds(waits[-1])} s" if waits else ""
    return f"""
Minutes: {totals}; lost {lost}, doubled {doubled}, faults {len(faults)}
Taken over: {len(waits)} customers, {spans}, in the cycle that B was at
Uncertain: {len(duo.unanswered)} requests of A had no answer; B sent them again under
the same identifiers, and Stripe refused {duo.twins} that it had counted already"""


def _seconds(span: timedelta) -> str:
    return f"{span / SECOND:+.2f}"
