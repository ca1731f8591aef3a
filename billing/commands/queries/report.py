"""`report`: what is billed; here, the statement of a customer's month, and rounding."""

from pathlib import Path
from typing import Any

import click

from billing.commands.delivery import (
    Wanted,
    deliver,
    made_folder,
    report_options,
    statement_options,
)
from billing.commands.options import CLEAN, required_period
from billing.commands.queries.report_focus import focus
from billing.commands.queries.report_journal import journal
from billing.commands.queries.report_parity import parity
from billing.commands.queries.report_reconciliation import reconciliation
from billing.commands.queries.report_usage import usage
from billing.domain.period import Month
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.reports.sheets.formats import write_report
from billing.reports.statement.statement import read_statement, read_statements
from billing.reports.statement.statement_workbook import statement_report
from billing.reports.usage.rounding import read_rounding
from billing.reports.usage.what_if import read_terms, rerated


@click.group()
def report() -> None:
    """Show what is billed, with totals that add up."""


report.add_command(usage)
report.add_command(journal)
report.add_command(focus)
report.add_command(reconciliation)
report.add_command(parity)


@report.command()
@required_period
@click.argument("customer", required=False, help="Whose statement.")
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="All customers: a file each, into --output FOLDER.",
)
@statement_options
def statement(
    settings_file: Path,
    wanted: Wanted,
    period: Month,
    customer: str | None,
    everyone: bool,
) -> int:
    """Show what one customer is billed for a month, day by day."""
    if everyone == (customer is not None):
        raise BadInput("name a customer, or give --all and --output FOLDER")
    with opened_ledger(settings_file) as books:
        month = books.readable_period(period)
        if customer is not None:
            document = read_statement(books.ledger, month, customer)
            deliver(statement_report(document), wanted)
            return CLEAN
        folder, form = made_folder(wanted), wanted.form or "pdf"
        statements = read_statements(books.ledger, month)
        wanted.show_files(
            [
                file
                for each in statements
                for file in write_report(statement_report(each), form, folder)
            ]
        )
    return CLEAN


@report.command()
@required_period
@report_options
def rounding(settings_file: Path, wanted: Wanted, period: Month) -> int:
    """Show what rounding up and the one-minute floor bring in, per customer."""
    with opened_ledger(settings_file) as books:
        deliver(read_rounding(books.ledger, books.readable_period(period)), wanted)
    return CLEAN


@report.command("what-if")
@required_period
@click.option(
    "--price",
    metavar="AMOUNT",
    help="Price per minute, such as 0.12 [default: the prices that hold].",
)
@click.option(
    "--step",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Bill every started step of so many seconds.",
)
@click.option(
    "--least",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Bill at least so many seconds for every call; 0 for no minimum.",
)
@click.option(
    "--calls",
    "by_call",
    is_flag=True,
    help="Show each call, not each customer.",
)
@report_options
def what_if(
    settings_file: Path,
    wanted: Wanted,
    period: Month,
    *,
    by_call: bool,
    **typed: Any,
) -> int:
    """Rate a real month by another price or rule; nothing is written."""
    terms = read_terms(**typed)
    if by_call and wanted.form == "json":
        raise BadInput("--calls is for a table, csv, xlsx or parquet, not for JSON")
    with opened_ledger(settings_file) as books:
        month = books.readable_period(period)
        with rerated(books.ledger, month, terms, by_call=by_call) as again:
            deliver(again, wanted)
    return CLEAN
