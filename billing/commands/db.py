"""`db`: upgrade the ledger's schema, or check that the ledger is sound."""

from pathlib import Path

import click

from billing.archive import opened_books, upgrade_ledger
from billing.commands.display import mark, say, show_table
from billing.commands.options import CLEAN, FAILED, common_options, show_json
from billing.reports.soundness import read_faults


@click.group()
def db() -> None:
    """Look after the ledger's database."""


@db.command()
@common_options
def upgrade(settings_file: Path, as_json: bool) -> int:
    """Bring the ledger's schema up to this code, making the ledger if need be."""
    schema = upgrade_ledger(settings_file)
    if as_json:
        show_json({"schema": schema})
    else:
        say(f"The ledger is at schema {schema}.")
    return CLEAN


@db.command()
@common_options
def check(settings_file: Path, as_json: bool) -> int:
    """Check the schema, the file, and that all sums of the ledger hold."""
    with opened_books(settings_file) as books:
        faults = read_faults(books.ledger)
    sound = not any(faults.values())
    if as_json:
        checks = [{"check": name, "faults": found} for name, found in faults.items()]
        show_json({"sound": sound, "checks": checks})
    else:
        lines = [
            [mark(not found), name, "; ".join(found)] for name, found in faults.items()
        ]
        show_table(["", "check", "faults"], lines)
    return CLEAN if sound else FAILED
