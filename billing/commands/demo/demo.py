"""`demo`: the whole path on a sandbox, from nothing to a difference of zero."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from billing.commands.options import Choice, json_option
from billing.demo.world import STATE, Scenario, WorldPlan, sandbox_process
from billing.errors import BadInput
from billing.sandbox.clock import (
    early_in_month,
    evening_in_month,
    evening_of_month_end,
)

CALLS = {Scenario.FIRST_DAY: 10_000, Scenario.MONTH_END: 1_500, Scenario.ADOPT: 0}
STARTS = {
    Scenario.FIRST_DAY: early_in_month,
    Scenario.MONTH_END: evening_of_month_end,
    Scenario.ADOPT: evening_in_month,
}


@click.command()
@click.option(
    "--scenario",
    type=Choice([each.value for each in Scenario]),
    default=Scenario.FIRST_DAY.value,
    show_default=True,
    help="The first day of use, a month that closes through all that can happen, or "
    "a meter that is taken over from another program.",
)
@click.option("--keep", is_flag=True, help="Leave the sandbox running until Ctrl-C.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to put the files [default: ./demo-DATE-TIME].",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Which calls there are: the same number makes the same calls.",
)
@click.option("--calls", type=click.IntRange(1), hidden=True)
@json_option
def demo(
    *,
    as_json: bool,
    scenario: str,
    keep: bool,
    folder: Path | None,
    seed: int,
    calls: int | None,
) -> int:
    """Show the whole path work: pull, sync, an outage, reconcile, close, report.

    A Pamela API and a Stripe run on this machine for it. `first-day` has three
    accounts, eight customers and about 10,000 calls; `month-end` has five customers
    and a clock that is moved by days; `adopt` has a meter that another program feeds.
    Each takes less than half a minute, needs no keys and touches nothing outside its
    folder. Ends with 0 when the books agree as they should, and else with 1.
    """
    started, real_now = time.monotonic(), datetime.now(UTC)
    folder = folder or Path(f"demo-{real_now:%Y%m%d-%H%M%S}")
    chosen = Scenario(scenario)
    now = STARTS[chosen](real_now)
    state = _made(folder) / STATE
    plan = WorldPlan(
        scenario=chosen,
        seed=seed,
        calls=calls or CALLS[chosen],
        now=now,
        state_file=state,
    )
    if not as_json:
        click.echo(f"A sandbox starts; its clock says {now:%Y-%m-%d %H:%M} UTC.")
    with sandbox_process(plan) as world:
        # Loaded while the sandbox starts, in a process of its own.
        from billing.commands.demo.first_day import show_demo  # noqa: PLC0415
        from billing.commands.demo.month_end import show_month_end  # noqa: PLC0415
        from billing.commands.demo.takeover import show_adopt  # noqa: PLC0415

        shows: dict[Scenario, Callable[..., int]] = {
            Scenario.FIRST_DAY: show_demo,
            Scenario.MONTH_END: partial(show_month_end, seed=seed),
            Scenario.ADOPT: partial(show_adopt, seed=seed),
        }
        show = shows[chosen]
        return show(world, folder, started=started, as_json=as_json, keep=keep)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadInput(f"{folder} cannot be made: {fault.strerror}") from fault
    if any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; name a new folder")
    return folder
