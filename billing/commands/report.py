"""`report`: the usage of a month, and the statement of a customer's month."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from billing.archive import opened_books
from billing.commands.display import say, show_table
from billing.commands.options import (
    CLEAN,
    PERIOD,
    common_options,
    period_argument,
    show_json,
)
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.reports.statement import Statement, read_statement
from billing.reports.usage import Key, UsageReport, read_usage

csv_option = click.option("--csv", "as_csv", is_flag=True, help="Answer with CSV.")


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a report --csv beside the common options."""
    return common_options(csv_option(command))


@click.group()
def report() -> None:
    """Show what is billed, with totals that add up."""


@report.command()
@period_argument
@click.option(
    "--by",
    "key",
    type=click.Choice(["customer", "account", "day"]),
    default="customer",
    show_default=True,
)
@report_options
def usage(
    settings_file: Path,
    as_json: bool,
    as_csv: bool,
    period: BillingPeriod | None,
    key: Key,
) -> int:
    """Show the usage of a month (default: the present one)."""
    with opened_books(settings_file) as books:
        found = read_usage(books.ledger, period or BillingPeriod.of(books.now), key)
    title = f"Usage {found.period}, amounts in {found.currency}"
    return _show(found, title, as_json=as_json, as_csv=as_csv)


@report.command()
@click.argument("period", type=PERIOD)
@click.argument("customer")
@report_options
def statement(
    settings_file: Path,
    as_json: bool,
    as_csv: bool,
    period: BillingPeriod,
    customer: str,
) -> int:
    """Show what one customer is billed for a month, day by day."""
    with opened_books(settings_file) as books:
        found = read_statement(books.ledger, period, customer)
    title = f"{customer} ({found.stripe_customer}), {period}, in {found.currency}"
    code = _show(found, title, as_json=as_json, as_csv=as_csv)
    if not as_json and not as_csv:
        states = found.sync.minutes.items()
        reported = ", ".join(f"{minutes} {state}" for state, minutes in states)
        say(f"Minutes on their way to Stripe: {reported or 'none'}.")
    return code


def _show(
    found: UsageReport | Statement, title: str, *, as_json: bool, as_csv: bool
) -> int:
    if as_json and as_csv:
        raise BadInput("give --json or --csv, not both")
    if as_json:
        show_json(found.document())
        return CLEAN
    headings, lines = found.table()
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([headings, *lines])
    else:
        words = [heading.replace("_", " ") for heading in headings]
        show_table(words, lines, title=title, has_total=True)
    return CLEAN
