"""`report journal`: balanced entries for the books, in the form that they take."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from billing.commands.delivery import show_sheets
from billing.commands.display import say
from billing.commands.options import (
    CLEAN,
    PERIOD,
    PERIOD_HELP,
    Choice,
    common_options,
    show_json,
)
from billing.domain.period import Month
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
@click.argument(
    "periods",
    type=PERIOD,
    nargs=-1,
    required=True,
    help=f"{PERIOD_HELP}; several of them.",
)
@click.option(
    "--format",
    "form",
    type=Choice(_FORMS),
    help="What to write [default: by the ending of the file's name, else a table].",
)
@click.option(
    "--target",
    type=Choice(TARGETS),
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
    periods: tuple[Month, ...],
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
    accounts = read_accounts(_pairs(named), TREE if form in _TEXTS else CHART)
    with opened_ledger(settings_file) as books:
        months = [books.readable_period(period) for period in periods]
        entries = read_journal(books.ledger, months)
    if form in _TEXTS:
        _deliver_text(_TEXTS[form](entries, accounts), entries, form, output)
    elif form == "csv":
        sheet = import_sheet(entries, target, accounts, tax_rate)
        if output is None:
            write_csv(sheet, sys.stdout)
        else:
            file = _file_in(output, f"{entries.name}-{target}.csv")
            write_csv_file(sheet, file)
            say(f"{file}")
    else:
        _deliver(entries, form, output)
    return CLEAN


def _deliver(entries: Journal, form: str | None, output: Path | None) -> None:
    report = entries.report()
    if output is not None:
        file = _file_in(output, f"{entries.name}.{form}")
        if form == "json":
            write_json_file(report.document, file)
        else:
            write_xlsx_file(report.sheets, file)
        say(f"{file}")
    elif form == "json":
        show_json(report.document)
    else:
        show_sheets([report.flat])


def _deliver_text(text: str, entries: Journal, form: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    ending = {"beancount": "beancount", "hledger": "journal"}[form]
    file = _file_in(output, f"{entries.name}.{ending}")
    write_bytes_file(text.encode(), file)
    say(f"{file}")


def _file_in(output: Path, name: str) -> Path:
    return output / name if output.is_dir() else output


def _form(form: str | None, output: Path | None, *, as_json: bool) -> str | None:
    if as_json and form not in (None, "json"):
        raise BadInput("give --json or --format, not both")
    form = "json" if as_json else form
    if form is None and output is not None:
        ending = output.suffix.removeprefix(".").lower()
        form = None if output.is_dir() else _ENDINGS.get(ending)
        if form is None:
            raise BadInput(f"{output} does not say its form; give --format")
    if form == "xlsx" and output is None:
        raise BadInput("xlsx is not for the screen; give --output FILE")
    return form


def _pairs(named: Sequence[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in named]
    if not all(equals for _, equals, _ in pairs):
        raise BadInput("an account is named as ROLE=NAME, such as receivable=1200")
    return {role: name for role, _, name in pairs}
