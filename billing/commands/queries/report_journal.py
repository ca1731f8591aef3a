"""`report journal`: balanced entries for the books, in the form that they take."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from billing.commands.delivery import show_sheets
from billing.commands.display import say
from billing.commands.options import CLEAN, PERIOD, common_options, show_json
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.reports.journal.accounts import CHART, TREE, read_accounts
from billing.reports.journal.csv_imports import TARGETS, import_sheet
from billing.reports.journal.journal import Journal, read_journal
from billing.reports.journal.text_formats import beancount_text, ledger_text
from billing.reports.sheets.csv_file import write_csv, write_csv_file
from billing.reports.sheets.json_file import write_bytes_file, write_json_file
from billing.reports.sheets.xlsx_file import write_xlsx_file

_TEXTS = {"beancount": beancount_text, "hledger": ledger_text}
_ENDINGS = {
    **dict.fromkeys(("beancount", "bean"), "beancount"),
    **dict.fromkeys(("hledger", "ledger", "journal"), "hledger"),
    **{form: form for form in ("csv", "xlsx", "json")},
}
_FORMS = ("beancount", "hledger", "csv", "xlsx", "json")


@click.command()
@click.argument("periods", type=PERIOD, nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(_FORMS), help="Else by the name.")
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="general",
    show_default=True,
    help="Whose columns a CSV has.",
)
@click.option(
    "--account",
    "named",
    multiple=True,
    metavar="ROLE=NAME",
    help="An account of yours, such as receivable=1200; may be repeated.",
)
@click.option(
    "--tax-rate",
    default="Tax Exempt",
    show_default=True,
    help="The tax rate's name, for Xero.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a file, or into a folder, instead of showing it.",
)
@common_options
def journal(
    *,
    settings_file: Path,
    as_json: bool,
    periods: tuple[BillingPeriod, ...],
    form: str | None,
    target: str,
    named: tuple[str, ...],
    tax_rate: str,
    output: Path | None,
) -> int:
    """Show or write the entries of months for the books.

    What Stripe counted is receivable, the rest unbilled; against them stand the
    month's revenue and, named by month, the adjustments of earlier ones.
    """
    form = _form(form, output, as_json=as_json)
    texts = form in _TEXTS
    accounts = read_accounts(_pairs(named), TREE if texts else CHART)
    with opened_ledger(settings_file) as books:
        found = read_journal(books.ledger, periods)
    if texts:
        text = _TEXTS[str(form)](found, accounts)
        _print_or_write(text, found, str(form), output)
    elif form == "csv":
        sheet = import_sheet(found, target, accounts, tax_rate)
        if output is None:
            write_csv(sheet, sys.stdout)
        else:
            name = f"{found.name}-{target}.csv"
            file = output / name if output.is_dir() else output
            write_csv_file(sheet, file)
            say(f"{file}")
    else:
        _deliver(found, form, output)
    return CLEAN


def _deliver(found: Journal, form: str | None, output: Path | None) -> None:
    report = found.report()
    if output is not None:
        file = output / f"{found.name}.{form}" if output.is_dir() else output
        if form == "json":
            write_json_file(report.document, file)
        else:
            write_xlsx_file(report.sheets, file)
        say(f"{file}")
    elif form == "json":
        show_json(report.document)
    else:
        show_sheets([report.flat])


def _print_or_write(text: str, found: Journal, form: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    ending = {"beancount": "beancount", "hledger": "journal"}[form]
    file = output / f"{found.name}.{ending}" if output.is_dir() else output
    write_bytes_file(text.encode(), file)
    say(f"{file}")


def _form(form: str | None, output: Path | None, *, as_json: bool) -> str | None:
    if as_json and form not in (None, "json"):
        raise BadInput("give --json or --format, not both")
    found = "json" if as_json else form
    if found is None and output is not None:
        ending = output.suffix.removeprefix(".").lower()
        found = None if output.is_dir() else _ENDINGS.get(ending)
        if found is None:
            raise BadInput(f"{output} does not say its form; give --format")
    if found == "xlsx" and output is None:
        raise BadInput("xlsx is not for the screen; give --output FILE")
    return found


def _pairs(named: Sequence[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in named]
    if not all(equals for _, equals, _ in pairs):
        raise BadInput("an account is named as ROLE=NAME, such as receivable=1200")
    return {role: name for role, _, name in pairs}
