"""`demo`: the whole path on a sandbox, from nothing to a difference of zero."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from billing.commands.display import progress_bars, say, show_table
from billing.commands.options import CLEAN, FAILED, json_option, show_json
from billing.demo.story import Ending, Stage, tell
from billing.demo.world import WorldPlan, sandbox_process
from billing.errors import BadInput
from billing.installation.sandbox_facts import read_facts
from billing.pipeline.cycle import Watcher
from billing.pipeline.pull import silent
from billing.reports.overview import HEADINGS

CALLS = 10_000
STATE, SETTINGS = "sandbox.json", "billing.toml"
ENDING = """\
Total difference: {difference} minutes, {verdict}.
The sandbox's own count: {called:,} minutes of calls, {counted:,} on the meter.
All of it took {seconds:.0f} s. The files are in {folder}/.

Next:
  cd {folder}
  pamela-billing status
  pamela-billing report usage --by day
  pamela-billing report statement {period} {customer}
  pamela-billing sandbox --state {state} --port {port}    # to go on with `run`"""
KEPT = """
The sandbox stays at {url} until you press Ctrl-C.
  Official SDK: PamelaClient(api_key="{key}", base_url="{url}")
  Stripe: StripeClient("{stripe_key}", base_addresses={{"api": "{url}"}})
  Its clock: curl -X PUT {url}/_sandbox/clock -d '{{"advance_seconds": 3600}}'"""


@click.command()
@click.option("--keep", is_flag=True, help="Leave the sandbox running until Ctrl-C.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to put the files [default: ./demo-DATE-TIME].",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--calls", type=click.IntRange(1), default=CALLS, hidden=True)
@json_option
def demo(as_json: bool, keep: bool, folder: Path | None, seed: int, calls: int) -> int:
    """Show the whole path work: pull, sync, an outage, reconcile, report.

    A Pamela API and a Stripe run on this machine for it, with three accounts, eight
    customers and about 10,000 calls. It takes less than half a minute, needs no keys
    and touches nothing outside its folder.
    """
    started, real_now = time.monotonic(), datetime.now(UTC)
    folder = folder or Path(f"demo-{real_now:%Y%m%d-%H%M%S}")
    # On the third, all of last month is still inside the 35 days that Stripe takes.
    now = real_now.replace(day=3, hour=12, minute=0, second=0, microsecond=0)
    plan = WorldPlan(seed, calls, now, _made(folder) / STATE)
    stage = Stage(_unsaid, _unseen) if as_json else Stage(say, progress_bars)
    stage.say(f"A sandbox starts; its clock says {now:%Y-%m-%d %H:%M} UTC.")
    with sandbox_process(plan) as world:
        ending = tell(world, folder / SETTINGS, stage)
        show = _show_json if as_json else _show
        show(ending, folder, world.url, seconds=time.monotonic() - started)
        if keep:
            _keep(world.url, say=stage.say)
    return CLEAN if ending.good else FAILED


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadInput(f"{folder} cannot be made: {fault.strerror}") from fault
    if any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; name a new folder")
    return folder


def _unsaid(_text: str) -> None:
    """Say nothing."""


@contextmanager
def _unseen() -> Iterator[Watcher]:
    yield lambda _name: silent


def _show_json(ending: Ending, folder: Path, url: str, *, seconds: float) -> None:
    total = ending.overview.total
    show_json(
        {
            "good": ending.good,
            "difference_minutes": ending.difference_minutes,
            "settled": all(found.settled for found in ending.reconciliations),
            "periods": [str(found.period) for found in ending.reconciliations],
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


def _show(ending: Ending, folder: Path, url: str, *, seconds: float) -> None:
    months = " and ".join(str(found.period) for found in ending.reconciliations)
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
            period=ending.reconciliations[0].period,
            customer=ending.overview.lines[0].customer,
            state=STATE,
            port=url.rpartition(":")[2],
        )
    )


def _keep(url: str, *, say: Callable[[str], None]) -> None:
    """Tell how to use the sandbox, and leave it running until interrupted."""
    facts = read_facts(url)
    key, stripe_key = facts.accounts[0].api_key, facts.stripe_key
    say(KEPT.format(url=url, key=key, stripe_key=stripe_key))
    with suppress(KeyboardInterrupt):
        signal.pause()
