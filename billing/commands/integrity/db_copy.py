"""`db copy`: the whole ledger to another database, where it goes on."""

from pathlib import Path

import click

from billing.commands.display import progress_bars, say, show_table
from billing.commands.options import CLEAN, acting, common_options, show_json
from billing.installation.ledger_copy import copied_ledger, planned_copy
from billing.pipeline.move import CopyReport
from billing.reports.sheets.formatting import counted


@click.command()
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="An empty database, or a file that is not there yet: "
    "postgresql+psycopg://HOST/DATABASE or sqlite:///FILE.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be copied.")
@common_options
def copy(settings_file: Path, as_json: bool, url: str, dry_run: bool) -> int:
    """Move the whole ledger to another database, SQLite or PostgreSQL.

    Every row goes over and is compared, with the audit trail; then this ledger is
    marked as moved and takes no more writes, and the other one takes them. Stop the
    daemons before it, and put the new URL into the settings after it. Killed half-way,
    this ledger goes on as before; run the same command again. Leave a password to
    PGPASSWORD or ~/.pgpass.
    """
    if dry_run:
        plan = planned_copy(settings_file, url)
        if as_json:
            show_json(
                {"from": plan.source, "to": plan.target, "tables": dict(plan.rows)}
            )
        else:
            lines = [[name, f"{rows:,}"] for name, rows in plan.rows.items() if rows]
            show_table(["table", "rows"], lines)
            planned = counted(sum(plan.rows.values()), "row")
            say(f"{planned} would be copied from {plan.source} to {plan.target}.")
        return CLEAN
    with progress_bars() as watch:
        report = copied_ledger(settings_file, url, acting("db copy"), watch)
    if as_json:
        show_json(_document(report))
        return CLEAN
    rows = sum(table.rows for table in report.tables.values())
    say(
        f"{counted(rows, 'row')} copied to {report.target}, and read back the same."
        if report.tables
        else f"All was copied to {report.target} before; the copy is in force now."
    )
    say(
        f"The audit trail ends there with event {report.event:,}, as here. This ledger "
        "is marked as moved, and is only read from here on."
    )
    say("Now put the new address into `url` under [ledger], then run as ever.")
    return CLEAN


def _document(report: CopyReport) -> dict[str, object]:
    return {
        "from": report.source,
        "to": report.target,
        "event": report.event,
        "hash": report.hash,
        "signed_head": report.signed_head,
        "tables": {name: table._asdict() for name, table in report.tables.items()},
    }
