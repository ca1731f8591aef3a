"""`demo`: the whole path on a sandbox, from nothing to a difference of zero."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from billing.commands.options import json_option
from billing.demo.world import STATE, WorldPlan, sandbox_process
from billing.errors import BadInput
from billing.sandbox.clock import early_in_month

CALLS = 10_000


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
    now = early_in_month(real_now)
    plan = WorldPlan(seed, calls, now, _made(folder) / STATE)
    if not as_json:
        click.echo(f"A sandbox starts; its clock says {now:%Y-%m-%d %H:%M} UTC.")
    with sandbox_process(plan) as world:
        # Loaded while the sandbox starts, in a process of its own.
        from billing.commands.demonstration import show_demo  # noqa: PLC0415

        return show_demo(world, folder, started=started, as_json=as_json, keep=keep)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadInput(f"{folder} cannot be made: {fault.strerror}") from fault
    if any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; name a new folder")
    return folder
