"""The takeover as it is shown: the story as it goes on, and then the month."""

import time
from collections.abc import Callable
from pathlib import Path

from billing.commands.delivery import show_sheets
from billing.commands.demo.first_day import (
    SETTINGS,
    keep_running,
    story_stage,
)
from billing.commands.display import say, show_table
from billing.commands.hints import program
from billing.commands.options import CLEAN, FAILED, show_json
from billing.demo.adopt.takeover_ending import AdoptResult
from billing.demo.adopt.takeover_story import play
from billing.demo.world import STATE, World
from billing.reports.reconciliation.live import (
    reconciliation_document,
    reconciliation_headings,
    reconciliation_lines,
)
from billing.reports.sheets.sheet import Report

ENDING = """\
Total difference: {difference} minutes, {verdict}.
The sandbox's own count: {called:,} minutes of calls, {counted:,} on the meter.
All of it took {seconds:.0f} s. The files are in {folder}/.

Next:
  cd {folder}
  {billing} status
  {billing} doctor
  {billing} report parity {month} --by hour
  {billing} report statement {month} {customer}
  {billing} sandbox --state {state} --port {port}  # to go on with `run`"""


def show_adopt(
    world: Callable[[], World],
    folder: Path,
    *,
    seed: int,
    started: float,
    as_json: bool,
    keep: bool,
) -> int:
    """Tell the story in a world and show how it ends; return the exit code."""
    stage = story_stage(as_json=as_json)
    site = world()
    show_report = _show_nothing if as_json else _show_report
    ending = play(site, folder / SETTINGS, stage, seed, show_report)
    show = _show_json if as_json else _show
    show(ending, folder, site.url, seconds=time.monotonic() - started)
    if keep:
        keep_running(site.url, say=stage.say)
    return CLEAN if ending.good else FAILED


def _show_report(report: Report) -> None:
    say("")
    show_sheets(report.shown)
    say("")


def _show_nothing(_report: Report) -> None:
    """Show no report."""


def _show(ending: AdoptResult, folder: Path, url: str, *, seconds: float) -> None:
    for run in ending.reconciliations:
        title = f"{run.period}, in minutes; difference: Stripe less Pamela"
        headings, lines = reconciliation_headings(run), reconciliation_lines(run)
        show_table(headings, lines, title=title, has_total=True)
    say(
        ENDING.format(
            difference=ending.difference_minutes,
            verdict="as it should be" if ending.good else "AND SOMETHING IS WRONG",
            called=ending.called_minutes,
            counted=ending.counted_minutes,
            seconds=seconds,
            folder=folder,
            billing=program(folder),
            month=ending.month,
            customer=ending.reconciliations[0].customers[0].customer,
            state=STATE,
            port=url.rpartition(":")[2],
        )
    )


def _show_json(ending: AdoptResult, folder: Path, url: str, *, seconds: float) -> None:
    show_json(
        {
            "good": ending.good,
            "difference_minutes": ending.difference_minutes,
            "parity": {
                "lost_minutes": ending.lost_minutes,
                "broken": [each.customer for each in ending.broken.broken],
                "held_days": ending.held.held_days,
            },
            "taken_over": {
                "customers": ending.customers,
                "when_killed": ending.adopted_at_kill,
                "other_minutes": ending.other_minutes,
            },
            "reconciliations": [
                reconciliation_document(run, "usd") for run in ending.reconciliations
            ],
            "truth": {
                "pamela_minutes": ending.called_minutes,
                "stripe_minutes": ending.counted_minutes,
            },
            "without": {
                "found_minutes": ending.without.refused_minutes,
                "sent_events": ending.without.sent_events,
                "doubled_minutes": ending.without.doubled_minutes,
                "doubled_is": "derived",
            },
            "folder": str(folder),
            "sandbox": url,
            "seconds": round(seconds, 1),
        }
    )
