"""`init`: write the settings and make the ledger."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from billing.commands.display import say
from billing.commands.hints import program
from billing.commands.options import CLEAN, common_options, show_json
from billing.domain.period import BillingPeriod
from billing.installation.first_settings import (
    A_SANDBOX,
    make_ledger,
    write_sandbox_settings,
    write_settings,
)

A_PERSON = "stated at `init`"


@click.command()
@click.option(
    "--sandbox",
    "url",
    metavar="URL",
    help="Write settings for a running sandbox [default: for real keys].",
)
@click.option(
    "--sole-reporter",
    "sole",
    is_flag=True,
    help="State that nothing else reports to this meter; kept in the audit trail. "
    "Then a month is read once before the first send, instead of twice, a day apart.",
)
@click.option("--force", is_flag=True, help="Overwrite the settings if there are any.")
@common_options
def init(
    *, settings_file: Path, as_json: bool, url: str | None, sole: bool, force: bool
) -> int:
    """Write a commented settings file and make the ledger that it names."""
    if url is None:
        write_settings(settings_file, BillingPeriod.of(datetime.now(UTC)), force=force)
        sole = sole or (not as_json and _says_to_be_sole())
        because = A_PERSON if sole else None
    else:
        write_sandbox_settings(settings_file, url, force=force)
        because = A_SANDBOX
    schema = make_ledger(settings_file, sole_because=because)
    if as_json:
        show_json(
            {
                "settings": str(settings_file),
                "schema": schema,
                "sandbox": url,
                "sole_reporter": because is not None,
            }
        )
        return CLEAN
    say(f"Wrote {settings_file}, and made its ledger (schema {schema}).")
    if url is None:
        say(f"Next: fill in accounts, customers and keys; then `{program()} doctor`.")
    else:
        say(f"Next: `{program()} doctor`, then `{program()} run`.")
    return CLEAN


def _says_to_be_sole() -> bool:
    """Ask a person at a terminal; without one nothing is stated."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return not click.confirm(
        "Does anything else report to this Stripe meter, or has anything this month?",
        default=True,
        err=True,
    )
