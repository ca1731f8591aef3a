"""`sandbox`: a Pamela API and a Stripe on this machine."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from billing.commands.hints import advance_clock, program
from billing.commands.options import CLEAN
from billing.errors import BadInput, UnfitTarget
from billing.sandbox.clock import early_in_month
from billing.sandbox.seeds.worlds import empty, realistic
from billing.sandbox.server import listen, serve, url_of
from billing.sandbox.state_file import load_state
from billing.sandbox.world import METER, STRIPE_KEY, Sandbox, new_sandbox

PORT = 8900
# After it every call of the seeds that is late or running has come to its end.
NIGHT_SECONDS = 36_000
SUMMARIES_LAG_SECONDS = 300


# A line that begins with \b keeps click from filling the lines after it.
_CONTROLS = """
\b
Requests that move and disturb it (JSON; GET shows the names of faults):
  GET      /_sandbox                      accounts, keys, customers, clock
  GET PUT  /_sandbox/clock                {"advance_seconds": 3600}
  POST     /_sandbox/calls                add or change calls; takes its key
  DELETE   /_sandbox/calls/ID             remove a call
  POST     /_sandbox/customers            create a Stripe customer
  PUT      /_sandbox/subscription         an account's grace and lapse
  GET PUT  /_sandbox/faults               time-outs, 500s, rate limits, HTML
  GET PUT  /_sandbox/pamela/rules         date filter, limit, round trip
  GET PUT  /_sandbox/stripe/rules         lag, grace, limits, round trip
  POST     /_sandbox/stripe/rejections    reject meter events that were taken
  POST     /_sandbox/stripe/destinations  notify a server of events, signed
  GET      /_sandbox/deliveries           webhooks of calls, and their answers
  POST     /_sandbox/tool_calls           let a call ask your tool webhook now
  GET      /_sandbox/truth                what was counted and invoiced
"""


@click.command(epilog=_CONTROLS)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Where to listen; 0 for any free port.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Which calls there are: the same number makes the same calls.",
)
@click.option("--empty", "is_empty", is_flag=True, help="Start without any calls.")
@click.option(
    "--state",
    "state_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep everything in this file, and go on from it [default: keep nothing].",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Say where it is, and its keys, as JSON."
)
def sandbox(
    port: int, seed: int, is_empty: bool, state_file: Path | None, as_json: bool
) -> int:
    """Run a Pamela API and a Stripe on this machine, until interrupted.

    They share one clock, which can be moved, and misbehave on request. Ends with 0 when
    it is interrupted, and with 2 when the port is in use.
    """
    # It is written at the end, when it would be too late to find out.
    if state_file is not None and not os.access(state_file.parent, os.W_OK):
        raise UnfitTarget(state_file, "its folder is not there, or not writable")
    try:
        listener = listen(port)
    except OSError as fault:
        raise BadInput(f"port {port} cannot be used: {fault.strerror}") from fault
    world = _world(seed, is_empty=is_empty, state_file=state_file)
    # Whoever reads the URL may connect at once: connections wait until we serve.
    listener.listen()
    # Ctrl-C may come before the server listens to signals.
    with suppress(KeyboardInterrupt):
        _introduce(world, url_of(listener), as_json=as_json)
        serve(world, listener, state_file=state_file)
    return CLEAN


def _world(seed: int, *, is_empty: bool, state_file: Path | None) -> Sandbox:
    try:
        saved = load_state(state_file) if state_file else None
        if saved is not None:
            return Sandbox.from_state(saved)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BadInput(f"{state_file} is no state of a sandbox: {fault}") from fault
    real_now = datetime.now(UTC)
    now = real_now if is_empty else early_in_month(real_now)
    seeded = empty(seed, now) if is_empty else realistic(seed, now)
    return new_sandbox(seeded.pamela, seeded.customers, now)


def _introduce(world: Sandbox, url: str, *, as_json: bool) -> None:
    accounts = world.pamela.accounts
    customers = world.customers()
    if as_json:
        document = {
            "url": url,
            "stripe_key": STRIPE_KEY,
            "meter": METER,
            "accounts": [{"name": a.name, "api_key": a.api_key} for a in accounts],
            "customers": [{"id": c.id, "name": c.name} for c in customers],
        }
        click.echo(json.dumps(document))
        return
    billing = program()
    lines = [
        f"The sandbox is at {url} until you press Ctrl-C. Its keys open nothing else.",
        f"Its clock says {world.clock.now():%Y-%m-%d %H:%M} UTC, and ticks.",
        "",
        *(f"  Pamela account {a.name}: {a.api_key}" for a in accounts),
        f"  Stripe key: {STRIPE_KEY} (meter {METER})",
        *(f"  Stripe customer {c.id}: {c.name}" for c in customers),
        "",
        f"  Official SDK: PamelaClient(api_key=..., base_url={url!r})",
        f"  Billing: {billing} init --sandbox {url}",
        f"  Its clock: {advance_clock(url, 3_600)}",
        f"  All of it: curl {url}/_sandbox",
    ]
    if customers:
        lines += ["", "Next, in another terminal and a new folder:", *_next(url)]
    click.echo("\n".join(lines))


def _next(url: str) -> list[str]:
    """Return the way from nothing to books that agree, line by line."""
    billing = program()
    return [
        f"  {billing} init --sandbox {url}",
        f"  {billing} run",
        f"  {billing} reconcile  # not settled yet: Stripe's summaries lag behind",
        f"  {advance_clock(url, NIGHT_SECONDS)}",
        f"  {billing} run        # late and running calls have come in",
        f"  {advance_clock(url, SUMMARIES_LAG_SECONDS)}",
        f"  {billing} reconcile  # the three books agree",
    ]
