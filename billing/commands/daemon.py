"""`daemon`: a cycle at the start of every hour."""

from pathlib import Path

import click

from billing.commands.options import CLEAN, FAILED, settings_option
from billing.daemon import run_daemon


@click.command()
@settings_option
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Log in JSON whatever the settings say [default: `log` in the settings].",
)
def daemon(settings_file: Path, as_json: bool) -> int:
    """Run a cycle at once, then one at minute :00 (UTC) of every hour.

    Each step is one line on standard output, at level error when it failed. SIGTERM and
    Ctrl-C stop it within ten seconds, with exit code 0; hours that were missed are
    caught up at the next start. A log that cannot be written stops nothing: the exit
    code is then 1. With [sandbox] clock_url in the settings, a cycle runs whenever an
    hour of the sandbox's clock begins.
    """
    return CLEAN if run_daemon(settings_file, in_json=as_json) else FAILED
