"""What a person orders of `adopt`: its options, read and checked together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

import click

from billing.commands.options import WORDS, Choice, MomentType
from billing.errors import BadInput
from billing.pipeline.adopt.decide import DifferenceChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptOrder:
    """From when to take over and of whom; or what to decide of it, or to undo."""

    from_hour: datetime | None
    customer: str | None
    dry_run: bool
    reason: str | None
    stopped_at: datetime | None
    sole_reporter: bool
    difference: str | None
    undo: bool

    def __post_init__(self) -> None:
        is_cut_over = self.from_hour is not None
        if sum((is_cut_over, self.difference is not None, self.undo)) != 1:
            raise BadInput("give one of --from HOUR, --difference and --undo")
        if not is_cut_over and self.customer is None:
            raise BadInput("name the customer: --customer NAME")
        if not is_cut_over and (self.sole_reporter or self.stopped_at is not None):
            raise BadInput("--sole-reporter and --stopped-at belong to --from")
        if not is_cut_over and self.dry_run:
            raise BadInput("--dry-run belongs to --from; `breaks` shows a difference")
        if self.dry_run and self.reason is not None:
            raise BadInput("give one of --dry-run, to look, and --reason, to do it")
        if not (self.dry_run or (self.reason or "").strip()):
            raise BadInput("say why: --reason TEXT; or look: --from HOUR --dry-run")


_MOMENT = MomentType()
_OPTIONS = (
    click.option(
        "--from",
        "from_hour",
        type=_MOMENT,
        metavar="HOUR",
        help="The first hour (UTC) that is ours: 2026-10-31T14:00Z. What stands at the "
        "meter before it is the other program's; our calls of then are not sent.",
    ),
    click.option(
        "--customer", metavar="NAME", help="Only this customer [default: all]."
    ),
    click.option("--dry-run", is_flag=True, help="Look: say what would be taken over."),
    click.option(
        "--reason", type=WORDS, metavar="TEXT", help="Why; kept in the audit trail."
    ),
    click.option(
        "--stopped-at",
        type=_MOMENT,
        metavar="TIME",
        help="State when the other program was stopped: one reading is enough then.",
    ),
    click.option(
        "--sole-reporter",
        is_flag=True,
        help="State that nothing else reports to this meter any more: one reading is "
        "enough then.",
    ),
    click.option(
        "--difference",
        type=Choice([choice.value for choice in DifferenceChoice]),
        help="Decide what becomes of minutes before HOUR in which the other program "
        "and the rated calls differ.",
    ),
    click.option("--undo", is_flag=True, help="Take it back, until its first send."),
)


def order_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of an order, as `order`."""

    @wraps(command)
    def with_order(*, settings_file: Any, as_json: bool, **options: Any) -> Any:
        order = AdoptOrder(**options)
        return command(settings_file=settings_file, as_json=as_json, order=order)

    for option in reversed(_OPTIONS):
        with_order = option(with_order)
    return with_order
