"""Which breaks a command is about: what they have in common, or their numbers."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Literal, NamedTuple

import click

from billing.commands.options import PERIOD, PERIOD_HELP, Choice
from billing.domain.break_causes import Cause
from billing.domain.period import Month, period_at
from billing.reports.reconciliation.breaks import CaseFilter

ALL: Literal["all"] = "all"
BreakNumbers = tuple[int, ...] | Literal["all"]
_MOST_AT_ONCE = 100_000
_PART = re.compile(r"([1-9]\d{0,17})(?:-([1-9]\d{0,17}))?")


class InCommon(NamedTuple):
    """What the breaks have in common that a person asks for."""

    period: Month | None
    cause: str | None
    customer: str | None
    run: int | None
    resolved: bool

    def filter_at(self, now: datetime) -> CaseFilter:
        """Return what is looked for; `last` and `this` are months at a time."""
        return CaseFilter(
            period=None if self.period is None else period_at(self.period, now),
            cause=Cause(self.cause) if self.cause else None,
            customer=self.customer,
            run=self.run,
            resolved=self.resolved,
        )

    @property
    def is_all(self) -> bool:
        """Whether nothing in common was named."""
        return (self.period, self.cause, self.customer, self.run) == (None,) * 4


def in_common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command PERIOD, --cause, --customer, --all-of and --all, as `common`."""

    @wraps(command)
    def with_common(
        *,
        period: Month | None,
        cause: str | None,
        customer: str | None,
        run: int | None,
        resolved: bool,
        **options: Any,
    ) -> Any:
        common = InCommon(
            period=period,
            cause=cause,
            customer=customer,
            run=run,
            resolved=resolved,
        )
        return command(common=common, **options)

    for option in (_RESOLVED, _RUN, _CUSTOMER, _CAUSE, _PERIOD):
        with_common = option(with_common)
    return with_common


class BreakNumbersType(click.ParamType[BreakNumbers]):
    """Numbers and ranges of numbers with commas between them, or the word `all`."""

    name = "N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> BreakNumbers:
        """Read the numbers, in their order and each once; or refuse them."""
        if value == ALL:
            return ALL
        numbers: set[int] = set()
        for part in str(value).split(","):
            match = _PART.fullmatch(part.strip())
            first = int(match[1]) if match else 0
            last = int(match[2] or first) if match else 0
            if not 0 < first <= last or last - first + len(numbers) >= _MOST_AT_ONCE:
                message = f"breaks are written 3, 3,5-9 or all, not {value!r}"
                self.fail(message, param, ctx)
            numbers.update(range(first, last + 1))
        return tuple(sorted(numbers))


_PERIOD = click.argument(
    "period", type=PERIOD, required=False, help=f"{PERIOD_HELP} [default: all]."
)
_CAUSE = click.option(
    "--cause",
    type=Choice([cause.value for cause in Cause]),
    metavar="CAUSE",
    help="Of this cause only.",
)
_CUSTOMER = click.option("--customer", metavar="NAME", help="Of this customer only.")
_RUN = click.option(
    "--all-of",
    "run",
    type=click.IntRange(1),
    metavar="RUN",
    help="Found by this reconciliation only.",
)
_RESOLVED = click.option(
    "--all", "resolved", is_flag=True, help="Show the resolved ones too."
)
