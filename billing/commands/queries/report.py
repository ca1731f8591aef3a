"""`report`: the usage of a month, and the statement of a customer's month."""

from pathlib import Path
from typing import Any

import click

from billing.commands.delivery import Wanted, deliver, made_folder, report_options
from billing.commands.options import CLEAN, PERIOD, period_argument
from billing.commands.queries.report_focus import focus
from billing.commands.queries.report_journal import journal
from billing.commands.queries.report_reconciliation import reconciliation
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.reports.sheets.formats import write_report
from billing.reports.statement.statement import read_statement, read_statements
from billing.reports.statement.statement_workbook import statement_report
from billing.reports.usage.report import KEYS, METADATA, Key, read_usage
from billing.reports.usage.rounding import read_rounding
from billing.reports.usage.usage_workbook import usage_report
from billing.reports.usage.what_if import read_terms, rerated


@click.group()
def report() -> None:
    """Show what is billed, with totals that add up."""


report.add_command(journal)
report.add_command(focus)
report.add_command(reconciliation)


@report.command()
@period_argument
@click.option(
    "--by",
    "key",
    default="customer",
    show_default=True,
    metavar="KEY",
    help=f"One of {', '.join(KEYS)}, or {METADATA}NAME for a key of calls' metadata.",
)
@report_options
def usage(
    settings_file: Path,
    wanted: Wanted,
    period: BillingPeriod | None,
    key: Key,
) -> int:
    """Show the usage of a month (default: the present one)."""
    with opened_ledger(settings_file) as books:
        found = read_usage(
            books.ledger,
            period or BillingPeriod.of(books.now),
            key,
            by_all=wanted.form == "xlsx",
            may_be_new=period is None,
        )
    deliver(usage_report(found), wanted)
    return CLEAN


@report.command()
@click.argument("period", type=PERIOD)
@click.argument("customer", required=False)
@click.option("--all", "everyone", is_flag=True, help="All customers, into a folder.")
@report_options
def statement(
    settings_file: Path,
    wanted: Wanted,
    period: BillingPeriod,
    customer: str | None,
    everyone: bool,
) -> int:
    """Show what one customer is billed for a month, day by day."""
    if everyone == (customer is not None):
        raise BadInput("name a customer, or give --all and --output FOLDER")
    with opened_ledger(settings_file) as books:
        if customer is not None:
            found = read_statement(books.ledger, period, customer)
            deliver(statement_report(found), wanted)
            return CLEAN
        folder, form = made_folder(wanted), wanted.form or "pdf"
        found_all = read_statements(books.ledger, period)
        wanted.tell(
            [write_report(statement_report(one), form, folder) for one in found_all]
        )
    return CLEAN


@report.command()
@click.argument("period", type=PERIOD)
@report_options
def rounding(settings_file: Path, wanted: Wanted, period: BillingPeriod) -> int:
    """Show what rounding up and the one-minute floor bring in, per customer."""
    with opened_ledger(settings_file) as books:
        deliver(read_rounding(books.ledger, period), wanted)
    return CLEAN


@report.command("what-if")
@click.argument("period", type=PERIOD)
@click.option("--price", metavar="AMOUNT", help="Per minute, in place of the real one.")
@click.option(
    "--step",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Bill every started step of so many.",
)
@click.option(
    "--least",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Bill so many for every call at least; 0 for no floor.",
)
@click.option("--calls", "by_call", is_flag=True, help="Call by call.")
@report_options
def what_if(
    settings_file: Path,
    wanted: Wanted,
    period: BillingPeriod,
    *,
    by_call: bool,
    **typed: Any,
) -> int:
    """Rate a real month by another price or rule; nothing is written."""
    terms = read_terms(**typed)
    if by_call and wanted.form == "json":
        raise BadInput("--calls is for a table, csv, xlsx or parquet, not for JSON")
    with (
        opened_ledger(settings_file) as books,
        rerated(books.ledger, period, terms, by_call=by_call) as found,
    ):
        deliver(found, wanted)
    return CLEAN
