"""Worlds: the demonstrations and a month with all that happens, each told by commands.

The seeds of the sandbox are `empty` (the month is put into it call by call),
`realistic` (the first-day demonstration, and a sandbox as anybody starts it) and
`month_end` (the demonstration of that name, which is gone on with afterwards).
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.golden.desk import Desk
from tests.golden.month import CUSTOMERS, tell_month
from tests.golden.questions import Subject, ask_all

EARLY = "2026-03-03T12:00:00+00:00"
FIRST = "2026-02-03T08:00:00+00:00"
LAST, PRESENT = "2026-02", "2026-03"
SEEDED = ("alder-dental", "hazel-travel")
Tell = Callable[[Desk], None]


def first_day(desk: Desk) -> None:
    """Run the first demonstration, and ask what it left."""
    desk.keep_demo("demo", "--folder", "story")
    desk.work /= "story"
    for words in (["status"], ["audit", "heads"], ["db", "check"], ["db", "verify"]):
        desk(*words, shown=True)
    for month in (LAST, PRESENT):
        for name in ("usage", "rounding", "reconciliation", "journal"):
            desk("report", name, month, shown=True)
        for customer in SEEDED:
            desk("report", "statement", month, customer)
    (desk.work / "out").mkdir()
    desk("export", "audit", LAST, "--output", "out/audit.zip")
    desk("verify", "out/audit.zip")
    desk.leave()


def month_end(desk: Desk) -> None:
    """Run the second demonstration, ask what it left, and go on with its sandbox."""
    words = ("demo", "--scenario", "month-end", "--folder", "story")
    answer = desk.keep_demo(*words)
    desk.work /= "story"
    for paper in sorted((desk.work / "papers").iterdir()):
        desk.keep_file(paper)
    calls = list(answer["explain"].values())
    ask_all(desk, Subject([LAST, PRESENT], SEEDED, calls), shown=False)
    desk.leave()
    with desk.sandbox("--state", "sandbox.json"):
        settings = desk.work / "billing.toml"
        moved = re.sub(r"http://127[^/\"; ]+", desk.url, settings.read_text())
        settings.write_text(moved)
        for seconds in (3_600, 86_400):
            desk.ask("PUT", "/_sandbox/clock", {"advance_seconds": seconds})
            desk("run")
        desk("doctor", shown=True)
        desk("breaks")


def anybodys(desk: Desk) -> None:
    """Run a cycle on the sandbox that anybody starts by hand."""
    with desk.sandbox("--seed", "7"):
        desk("init", "--sandbox", desk.url)
        desk("run")
        desk.ask("PUT", "/_sandbox/clock", {"advance_seconds": 36_000})
        desk("reconcile", LAST)
        desk("run")
        desk("report", "usage", LAST)
        desk("status")


def month(desk: Desk) -> None:
    """Live through a month, and ask everything at its end."""
    with desk.sandbox("--empty"):
        calls = tell_month(desk)
        names = sorted(CUSTOMERS)
        ask_all(desk, Subject([LAST, PRESENT], names, calls), shown=True)


class World(NamedTuple):
    """A story, the moment it starts at, and its database; none is SQLite."""

    tell: Tell
    now: str
    database: str = ""


def worlds(postgres: Callable[[str], str]) -> dict[str, World]:
    """Return each world by its name."""
    return {
        "month-sqlite": World(month, FIRST),
        "month-postgresql": World(month, FIRST, postgres("month")),
        "demo-month-end": World(month_end, EARLY),
        "demo-first-day": World(first_day, EARLY),
        "realistic-sqlite": World(anybodys, EARLY),
        "realistic-postgresql": World(anybodys, EARLY, postgres("realistic")),
    }


def live(name: str, world: World, places: dict[str, Path]) -> Any:
    """Live through a world at a desk of its own."""
    folders = (places["room"] / name, places["kept"] / name)
    # Tables are the same on both databases; one of them is looked at.
    desk = Desk(places["checkout"], *folders, world.now, has_screen=not world.database)
    if world.database:
        desk.environment["PAMELA_BILLING_LEDGER__URL"] = world.database
        desk.private[world.database] = "DATABASE"
    world.tell(desk)
