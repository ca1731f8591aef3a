"""`db backup`: the whole ledger in a file of its own, also while the daemon runs."""

from pathlib import Path

import click

from billing.commands.display import say
from billing.commands.options import CLEAN, common_options, show_json
from billing.offline import backup_ledger


@click.command()
@click.argument(
    "file", type=click.Path(path_type=Path), help="A new file; none is overwritten."
)
@common_options
def backup(settings_file: Path, as_json: bool, file: Path) -> int:
    """Save the ledger in FILE, whole and as it stands now; the daemon may run.

    To restore it, stop the daemon, put FILE in the ledger's place without the -wal and
    -shm files beside it, and run `pamela-billing audit accept-restore --reason TEXT`.
    Keep the settings, the key and the secrets elsewhere; never restore the rollback
    marker.
    """
    last = backup_ledger(settings_file, file)
    if as_json:
        show_json({"file": str(file), "event": last.number, "hash": last.hash})
    else:
        say(f"{file}: the ledger up to audit event {last.number:,}.")
    return CLEAN
