"""The demonstration as it is shown: the story as it goes on, and then its figures."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from billing.commands.display import (
    progress_bars,
    say,
    say_paragraph,
    show_table,
)
from billing.commands.hints import advance_clock, program
from billing.commands.options import CLEAN, FAILED, show_json
from billing.demo.first_day import FirstDayResult, play
from billing.demo.stage import Stage
from billing.demo.world import STATE, World
from billing.installation.sandbox_facts import read_facts
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import Watcher
from billing.reports.usage.overview import HEADINGS

SETTINGS = "billing.toml"
ENDING = """\
Total difference: {difference} minutes, {verdict}.
The sandbox's own count: {called:,} minutes of calls, {counted:,} on the meter.
All of it took {seconds:.0f} s. The files are in {folder}/.

Next:
  cd {folder}
  {billing} status
  {billing} report usage --by day
  {billing} report statement {period} {customer}
  {billing} sandbox --state {state} --port {port}  # to go on with `run`"""
KEPT = """
The sandbox stays at {url} until you press Ctrl-C.
  Official SDK: PamelaClient(api_key="{key}", base_url="{url}")
  Stripe: StripeClient("{stripe_key}", base_addresses={{"api": "{url}"}})
  Its clock: {clock}"""


def show_demo(
    world: Callable[[], World],
    folder: Path,
    *,
    started: float,
    as_json: bool,
    keep: bool,
) -> int:
    """Tell the story in a world and show how it ends; return the exit code."""
    stage = Stage(no_output, no_listener) if as_json else Stage(say, progress_bars)
    site = world()
    ending = play(site, folder / SETTINGS, stage)
    show = _show_json if as_json else _show
    show(ending, folder, site.url, seconds=time.monotonic() - started)
    if keep:
        keep_running(site.url, say=stage.say)
    return CLEAN if ending.good else FAILED


def story_stage(*, as_json: bool) -> Stage:
    """Return where a story of several steps is told: nowhere beside its JSON."""
    if as_json:
        return Stage(no_output, no_listener)
    return Stage(say_step, progress_bars)


def say_step(text: str) -> None:
    """Say a paragraph, indented below its number or its dash."""
    indent = "     " if text.startswith("   -") else "   "
    say_paragraph(text, indent)


def no_output(_text: str) -> None:
    """Say nothing."""


@contextmanager
def no_listener() -> Iterator[Watcher]:
    """Show no progress."""
    yield lambda _name: no_progress


def _show_json(
    ending: FirstDayResult, folder: Path, url: str, *, seconds: float
) -> None:
    total = ending.overview.total
    show_json(
        {
            "good": ending.good,
            "difference_minutes": ending.difference_minutes,
            "settled": all(run.settled for run in ending.reconciliations),
            "periods": [str(run.period) for run in ending.reconciliations],
            "currency": ending.overview.currency,
            "customers": ending.overview.document(),
            "calls": total.usage.calls,
            "minutes": total.usage.billed_minutes,
            "attempts": ending.attempts,
            "truth": {
                "pamela_minutes": ending.called_minutes,
                "stripe_minutes": ending.counted_minutes,
            },
            "folder": str(folder),
            "sandbox": url,
            "seconds": round(seconds, 1),
        }
    )


def _show(ending: FirstDayResult, folder: Path, url: str, *, seconds: float) -> None:
    months = " and ".join(str(run.period) for run in ending.reconciliations)
    currency = ending.overview.currency
    title = f"{months}, in minutes and {currency}"
    show_table(HEADINGS, ending.overview.table(), title=title, has_total=True)
    say(
        ENDING.format(
            difference=ending.difference_minutes,
            verdict="as it should be" if ending.good else "THIS SHOULD BE 0",
            called=ending.called_minutes,
            counted=ending.counted_minutes,
            seconds=seconds,
            folder=folder,
            billing=program(folder),
            period=ending.reconciliations[0].period,
            customer=ending.overview.lines[0].customer,
            state=STATE,
            port=url.rpartition(":")[2],
        )
    )


def keep_running(url: str, *, say: Callable[[str], None]) -> None:
    """Say how to use the sandbox, and leave it running until interrupted."""
    facts = read_facts(url)
    key, stripe_key = facts.accounts[0].api_key, facts.stripe_key
    clock = advance_clock(url, 3_600)
    say(KEPT.format(url=url, key=key, stripe_key=stripe_key, clock=clock))
    with suppress(KeyboardInterrupt):
        signal.pause()
