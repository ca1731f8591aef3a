"""`db`: upgrade the ledger's schema, check, verify, save or move it; erase metadata."""

from pathlib import Path

import click

from billing.commands.display import mark, say, show_table
from billing.commands.integrity.db_backup import backup
from billing.commands.integrity.db_copy import copy
from billing.commands.integrity.db_verify import verify
from billing.commands.options import CLEAN, FAILED, common_options, show_json
from billing.commands.pull.erase import erase
from billing.domain.invariants import SENTENCES
from billing.offline import opened_ledger, upgrade_ledger
from billing.reports.status.faults import read_faults


@click.group()
def db() -> None:
    """Look after the ledger's database."""


db.add_command(backup)
db.add_command(copy)
db.add_command(erase)
db.add_command(verify)


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
    """Check the ledger's invariants: that all its rows agree with one another.

    Each run looks at that before it sends. Whether a row is still what was once
    written, `db verify` shows. Ends with 1 when an invariant is violated.
    """
    with opened_ledger(settings_file) as books:
        faults = read_faults(books.ledger)
    sound = not any(faults.values())
    if as_json:
        checks = [
            {"check": invariant.value, "law": SENTENCES[invariant], "faults": sentences}
            for invariant, sentences in faults.items()
        ]
        show_json({"sound": sound, "checks": checks})
        return CLEAN if sound else FAILED
    lines = [
        [mark(not sentences), invariant.value, SENTENCES[invariant]]
        for invariant, sentences in faults.items()
    ]
    show_table(["", "invariant", "what always holds"], lines)
    for invariant, sentences in faults.items():
        for sentence in sentences:
            say(f"{mark(False)} {invariant}: {sentence}.")
    return CLEAN if sound else FAILED
