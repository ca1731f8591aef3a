"""`init`: write the settings and make the ledger."""

from datetime import UTC, datetime
from pathlib import Path

import click

from billing.commands.display import say
from billing.commands.hints import program
from billing.commands.options import CLEAN, common_options, show_json
from billing.domain.period import BillingPeriod
from billing.installation.first_settings import (
    make_ledger,
    write_sandbox_settings,
    write_settings,
)


@click.command()
@click.option(
    "--sandbox",
    "url",
    metavar="URL",
    help="Write settings for a running sandbox [default: for real keys].",
)
@click.option("--force", is_flag=True, help="Overwrite the settings if there are any.")
@common_options
def init(settings_file: Path, as_json: bool, url: str | None, force: bool) -> int:
    """Write a commented settings file and make the ledger that it names."""
    if url is None:
        write_settings(settings_file, BillingPeriod.of(datetime.now(UTC)), force=force)
    else:
        write_sandbox_settings(settings_file, url, force=force)
    schema = make_ledger(settings_file)
    if as_json:
        show_json({"settings": str(settings_file), "schema": schema, "sandbox": url})
        return CLEAN
    say(f"Wrote {settings_file}, and made its ledger (schema {schema}).")
    if url is None:
        say(f"Next: fill in accounts, customers and keys; then `{program()} doctor`.")
    else:
        say(f"Next: `{program()} doctor`, then `{program()} run`.")
    return CLEAN
