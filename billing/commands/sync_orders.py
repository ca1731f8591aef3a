"""What a person orders of `sync`: to hold, release, retry, give up, or only settle."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any

import click

from billing.commands.options import WORDS, acting
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.pipeline.sync.operator_actions import hold_sending, release_sending

ALL = "all"


class OrderKind(StrEnum):
    """What is ordered."""

    RETRY = "--retry"
    SETTLE = "--settle"
    VOID = "--void"
    HOLD = "--hold"
    RELEASE = "--release"


_OF_A_CUSTOMER = {OrderKind.HOLD, OrderKind.RELEASE, OrderKind.RETRY}


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """What a person orders: of which customer or events, and why."""

    kind: OrderKind
    customer: str | None
    events: tuple[str, ...]  # none: all of the customer, or of all customers
    reason: str


def order_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --retry, --settle, --void, --hold and their own, as `order`."""

    @wraps(command)
    def with_order(
        *,
        retry: bool,
        settle: bool,
        void: tuple[str, ...],
        hold: bool,
        release: bool,
        **options: Any,
    ) -> Any:
        given = zip(OrderKind, (retry, settle, bool(void), hold, release), strict=True)
        kinds = [kind for kind, is_given in given if is_given]
        order = _order(
            kinds,
            void,
            options.pop("customer"),
            options.pop("events"),
            options.pop("reason"),
        )
        return command(order=order, **options)

    for option in (_REASON, _EVENT, _CUSTOMER, _RELEASE, _HOLD, _VOID, _SETTLE, _RETRY):
        with_order = option(with_order)
    return with_order


def _order(
    kinds: list[OrderKind],
    void: tuple[str, ...],
    customer: str | None,
    events: tuple[str, ...],
    reason: str,
) -> SyncOrder | None:
    """Put an order together; raises BadInput for options that do not go together."""
    if len(kinds) > 1:
        raise BadInput("give one of --retry, --settle, --void, --hold and --release")
    kind = kinds[0] if kinds else None
    if reason and kind in {None, OrderKind.SETTLE}:
        raise BadInput("--reason belongs to --void, --retry, --hold or --release")
    if events and kind is not OrderKind.RETRY:
        raise BadInput("--event belongs to --retry")
    void_all = void == (ALL,)
    if customer is not None and not (kind in _OF_A_CUSTOMER or void_all):
        raise BadInput(
            "--customer belongs to --hold, --release, --retry or `--void all`"
        )
    if void_all and customer is None:
        raise BadInput("say whose events are given up: --customer NAME")
    if ALL in void and not void_all:
        raise BadInput("give events to --void, or `all` with --customer NAME")
    named = () if void_all else void or events
    return None if kind is None else SyncOrder(kind, customer, named, reason)


def carry_out(settings_file: Path, order: SyncOrder) -> tuple[dict[str, object], str]:
    """Hold or release; returns it as a document and as a sentence.

    It works while a daemon is at work, and needs neither keys nor a network.
    """
    held = order.kind is OrderKind.HOLD
    with opened_ledger(settings_file) as books:
        change = hold_sending if held else release_sending
        change(books.ledger, acting("sync"), books.now, order.customer, order.reason)
    done = "held" if held else "released"
    of = order.customer or "all customers"
    return {done: order.customer or ALL}, f"The sending of {of} is {done}."


_RETRY = click.option(
    "--retry",
    is_flag=True,
    help="Send anew, under new identifiers, what Stripe refused, once you have fixed "
    "the cause, and say so with --reason.",
)
_SETTLE = click.option(
    "--settle",
    is_flag=True,
    help="Send nothing; read from Stripe whether events with an uncertain outcome were "
    "counted, and settle them.",
)
_VOID = click.option(
    "--void",
    metavar="EVENT",
    multiple=True,
    help="Give up this event, which failed or is held, for good, or `all` failed ones "
    "of a --customer; `breaks` and `explain` name it.",
)
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
    help="Hold, release, retry or give up only what is this customer's [default: all].",
)
_EVENT = click.option(
    "--event",
    "events",
    metavar="EVENT",
    multiple=True,
    help="Retry only this event; may be given several times.",
)
_REASON = click.option(
    "--reason",
    type=WORDS,
    default="",
    help="Why, with --void, --retry, --hold or --release; kept in the audit trail.",
)
