"""The kill matrix's command: real processes, killed for good, and what is left.

`python -m tests.crash [--kills N] [--quick] [--only WORDS]`, from the checkout's root;
exit 1 when a minute is lost or doubled. `--two-daemons` shows instead how one of two
daemons dies, and the other goes on.
"""

import argparse
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from tests.crash.daemons_shown import show_two_daemons
from tests.crash.matrix import AT_RANDOM, Ground, Row, ground, kill_at
from tests.crash.processes.databases import KINDS
from tests.crash.processes.points import POINTS

KILLS, QUICK_KILLS = 25, 2
RANDOM_TIMES = 4  # as many kills at any time as at four named steps
HEADINGS = ("lost", "doubled", "twins", "faults")
NOTE = """lost, doubled: minutes, Pamela, ledger and Stripe compared at the end. Twins:
sends that Stripe refused because it had the event; each would have counted twice."""
WIDTH = 130


def main() -> int:
    """Kill as asked, and print the table."""
    options = _arguments()
    kills = QUICK_KILLS if options.quick else options.kills
    with ground() as place:
        if options.two_daemons:
            return 0 if show_two_daemons(place, _console()) else 1
        rows = list(_rows(place, kills, options.only))
    _show(rows)
    return 0 if all(row.good for row in rows) else 1


def _rows(place: Ground, kills: int, only: str) -> Iterator[Row]:
    for point in (*POINTS, AT_RANDOM):
        for database in KINDS:
            if only not in f"{point} {database}":
                continue
            times = RANDOM_TIMES * kills if point == AT_RANDOM else kills
            row = kill_at(place, point, database, times)
            print(f"{point}, {database}: {_words(row)}", file=sys.stderr)
            for fault in row.faults:
                print(f"    {fault}", file=sys.stderr)
            yield row


def _words(row: Row) -> str:
    return (
        f"{row.kills} kills in {row.seconds:.1f} s, {row.lost} minutes lost, "
        f"{row.doubled} doubled, {row.twins} twins refused"
    )


def _show(rows: list[Row]) -> None:
    """Print a line for each step, with both databases side by side."""
    table = Table("kill -9 at", caption=_sum(rows))
    for kind in KINDS:
        for heading in (f"{kind}: kills", *HEADINGS):
            table.add_column(heading, justify="right")
    by_place = {(row.point, row.database): row for row in rows}
    for point in dict.fromkeys(row.point for row in rows):
        line = [_figures(by_place.get((point, kind))) for kind in KINDS]
        table.add_row(point, *(figure for figures in line for figure in figures))
    _console().print(table)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def _figures(row: Row | None) -> list[str]:
    if row is None:
        return [""] * (1 + len(HEADINGS))
    figures = row.kills, row.lost, row.doubled, row.twins, len(row.faults)
    return [str(figure) for figure in figures]


def _sum(rows: list[Row]) -> str:
    kills = sum(row.kills for row in rows)
    lost, doubled = sum(row.lost for row in rows), sum(row.doubled for row in rows)
    faults = sum(len(row.faults) for row in rows)
    sentence = f"{kills} kills, {lost} minutes lost, {doubled} doubled, {faults} faults"
    return f"{sentence}\n{NOTE}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--kills", type=int, default=KILLS, help="at each named step")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KILLS} each")
    parser.add_argument("--only", default="", help="steps with these words")
    parser.add_argument("--two-daemons", action="store_true", help="one of two dies")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
