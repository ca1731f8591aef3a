"""What commands share: their options, their exit codes, and their JSON answer."""

import json
from collections.abc import Callable, Mapping
from getpass import getuser
from pathlib import Path
from typing import Any

import click

from billing.domain.period import BillingPeriod

CLEAN, FAILED, NOT_SETTLED = 0, 1, 3


class PeriodType(click.ParamType[BillingPeriod]):
    """A calendar month on the command line, written YYYY-MM."""

    name = "YYYY-MM"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> BillingPeriod:
        """Read the month, or refuse it in one sentence."""
        try:
            given = isinstance(value, BillingPeriod)
            return value if given else BillingPeriod.parse(str(value))
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


PERIOD = PeriodType()

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Answer with one JSON document."
)
settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    default=Path("billing.toml"),
    envvar="PAMELA_BILLING_SETTINGS",
    show_default=True,
    metavar="FILE",
    help="The settings; also PAMELA_BILLING_SETTINGS.",
)
period_argument = click.argument("period", type=PERIOD, required=False)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --settings and --json."""
    return settings_option(json_option(command))


def person() -> str:
    """Name who types, for the audit trail."""
    try:
        return getuser()
    except (KeyError, OSError):  # a container may know no user
        return "somebody"


def acting(command: str) -> str:
    """Name who acts in a command, for the audit trail."""
    return f"{person()}, pamela-billing {command}"


def show_json(document: Mapping[str, object]) -> None:
    """Print the one JSON document that a command answers with."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
