"""`report`: the usage of a month, and the statement of a customer's month."""

from pathlib import Path

import click

from billing.archive import opened_books
from billing.commands.delivery import Wanted, deliver, report_options
from billing.commands.display import say
from billing.commands.options import CLEAN, PERIOD, period_argument
from billing.domain.period import BillingPeriod
from billing.reports.statement import read_statement
from billing.reports.usage import Key, read_usage


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
    wanted: Wanted,
    period: BillingPeriod | None,
    key: Key,
) -> int:
    """Show the usage of a month (default: the present one)."""
    with opened_books(settings_file) as books:
        found = read_usage(books.ledger, period or BillingPeriod.of(books.now), key)
    deliver(found.report(), wanted)
    return CLEAN


@report.command()
@click.argument("period", type=PERIOD)
@click.argument("customer")
@report_options
def statement(
    settings_file: Path,
    wanted: Wanted,
    period: BillingPeriod,
    customer: str,
) -> int:
    """Show what one customer is billed for a month, day by day."""
    with opened_books(settings_file) as books:
        found = read_statement(books.ledger, period, customer)
    deliver(found.report(), wanted)
    if wanted.form is None:
        states = found.sync.minutes.items()
        reported = ", ".join(f"{minutes} {state}" for state, minutes in states)
        say(f"Minutes on their way to Stripe: {reported or 'none'}.")
    return CLEAN
