"""`sync --hold` and `--release`: the emergency stop, of one customer or of all."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from billing.commands.options import acting
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.pipeline.sync.operator_actions import hold_sending, release_sending


class HoldOrder(NamedTuple):
    """What a person orders: to hold or to release, for one customer or for all."""

    held: bool
    customer: str | None


def hold_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --hold, --release and --customer, as `hold`."""

    @wraps(command)
    def with_hold(
        *, hold: bool, release: bool, customer: str | None, **options: Any
    ) -> Any:
        if hold and release:
            raise BadInput("give one of --hold and --release")
        if customer is not None and not (hold or release):
            raise BadInput("--customer belongs to --hold or --release")
        order = HoldOrder(hold, customer) if hold or release else None
        return command(hold=order, **options)

    for option in (_CUSTOMER, _RELEASE, _HOLD):
        with_hold = option(with_hold)
    return with_hold


def carry_out(
    settings_file: Path, order: HoldOrder, reason: str
) -> tuple[dict[str, object], str]:
    """Hold or release; returns it as a document and as a sentence.

    It works while a daemon is at work, and needs neither keys nor a network.
    """
    with opened_ledger(settings_file) as books:
        change = hold_sending if order.held else release_sending
        change(books.ledger, acting("sync"), books.now, order.customer, reason)
    done = "held" if order.held else "released"
    of = order.customer or "all customers"
    return {done: order.customer or "all"}, f"The sending of {of} is {done}."


_HOLD = click.option(
    "--hold",
    is_flag=True,
    help="Emergency stop: send nothing from now on, until --release.",
)
_RELEASE = click.option(
    "--release", is_flag=True, help="Lift a hold; the next sync sends."
)
_CUSTOMER = click.option(
    "--customer",
    metavar="NAME",
    help="Hold or release only this customer [default: all].",
)
