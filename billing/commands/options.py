"""What commands share: their options, their exit codes, and their JSON answer."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from getpass import getuser
from pathlib import Path
from typing import Any

import click

from billing.domain.foreign_text import foreign_text, visible
from billing.domain.period import BillingPeriod, Month, RelativePeriod
from billing.domain.suggestion import did_you_mean
from billing.output import leaving_document

CLEAN, FAILED, NOT_SETTLED = 0, 1, 3


class MonthType(click.ParamType[Month]):
    """A calendar month on the command line: 2026-10, last or this."""

    name = "PERIOD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Month:
        """Read the month, or refuse it in one sentence."""
        try:
            if value in set(RelativePeriod):
                return RelativePeriod(value)
            return BillingPeriod.parse(str(value))
        except ValueError:
            message = f"a period is written 2026-10, last or this, not {value!r}"
            self.fail(message, param, ctx)


class MomentType(click.ParamType[datetime]):
    """A moment on the command line, in UTC unless it says otherwise."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the moment, or refuse it in one sentence."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            message = f"a time is written 2026-10-31T14:00Z, not {value!r}"
            self.fail(message, param, ctx)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)


class WordsType(click.ParamType[str]):
    """Words of a person that are kept for ever, so that no number may be in them."""

    name = "TEXT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the words without what could be a phone number, or acts."""
        return foreign_text(str(value))


class Choice(click.Choice[str]):
    """One of some words; what is like one of them is asked about."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """List the words, and ask whether one of them was meant."""
        words = [str(choice) for choice in self.choices]
        message = super().get_invalid_choice_message(value, ctx).removesuffix(".")
        return f"{message}{did_you_mean(str(value), words)}"


PERIOD = MonthType()
WORDS = WordsType()
PERIOD_HELP = "A calendar month in UTC: 2026-10, last or this"

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
)
_settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    default=Path("billing.toml"),
    envvar="PAMELA_BILLING_SETTINGS",
    show_default=True,
    metavar="FILE",
    help="The settings file; also by PAMELA_BILLING_SETTINGS.",
)
# A month of the ledger; without one, the present month.
period_argument = click.argument(
    "period", type=PERIOD, default="this", help=f"{PERIOD_HELP} [default: this]."
)
required_period = click.argument("period", type=PERIOD, help=f"{PERIOD_HELP}.")


def settings_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --settings, and let no output of it show what those hold."""

    @wraps(command)
    def with_secrets_hidden(*, settings_file: Path, **options: Any) -> Any:
        # Loads the settings and the ledger, for which `--help` has no use.
        from billing.installation.hiding import hide_secrets  # noqa: PLC0415

        # What was typed, before any option was made into something else.
        hide_secrets(settings_file, click.get_current_context().params)
        return command(settings_file=settings_file, **options)

    return _settings_option(with_secrets_hidden)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --settings and --json."""
    return settings_option(json_option(command))


def person() -> str:
    """Name who types, for the audit trail."""
    try:
        return visible(getuser())
    except (KeyError, OSError):  # a container may know no user
        return "somebody"


def acting(command: str) -> str:
    """Name who acts in a command, for the audit trail."""
    return f"{person()}, pamela-billing {command}"


def show_json(document: Mapping[str, object]) -> None:
    """Print the one JSON document that a command answers with."""
    text = json.dumps(leaving_document(document), indent=2, ensure_ascii=False)
    click.echo(text)
