"""`daemon`: a cycle at the start of every hour."""

from pathlib import Path

import click

from billing.commands.options import CLEAN, common_options
from billing.daemon import run_daemon


@click.command()
@common_options
def daemon(settings_file: Path, as_json: bool) -> int:
    """Run a cycle at once, then one at minute :00 (UTC) of every hour.

    Each step is one line of JSON on standard output. SIGTERM and Ctrl-C stop it
    within ten seconds; hours that were missed are caught up at the next start. With
    [sandbox] clock_url, a cycle runs whenever an hour of the sandbox's clock begins.
    """
    run_daemon(settings_file, in_json=as_json)
    return CLEAN
