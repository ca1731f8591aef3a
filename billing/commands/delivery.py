"""Delivery: a report in the form that was asked for, on the screen or in a file."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from billing.commands.display import say, show_table
from billing.commands.options import common_options, show_json
from billing.errors import BadInput
from billing.reports.cells import text_rows
from billing.reports.files.csv_file import write_csv, write_csv_file
from billing.reports.files.json_file import write_bytes_file, write_json_file
from billing.reports.files.parquet_file import write_parquet_file
from billing.reports.files.whole_file import folder
from billing.reports.files.xlsx_file import write_xlsx_file
from billing.reports.sheet import Report, Sheet

FORMS = ("csv", "xlsx", "json", "parquet", "pdf")
_ON_SCREEN = ("csv", "json")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form that a report is wanted in, and where; None is a table on the screen."""

    form: str | None
    output: Path | None

    @classmethod
    def of(
        cls, *, as_json: bool, as_csv: bool, form: str | None, output: Path | None
    ) -> "Wanted":
        """Make one of what was typed; raises BadInput for a contradiction."""
        named = {"json"} if as_json else set()
        named |= {"csv"} if as_csv else set()
        named |= {form} if form else set()
        if len(named) > 1:
            raise BadInput("give --json, --csv or --format, not more than one")
        found = named.pop() if named else _form_of(output)
        if found not in (*_ON_SCREEN, None) and output is None:
            raise BadInput(f"{found} is not for the screen; give --output FILE")
        return cls(found, output)


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a report --format, --output, --csv and the common options, as `wanted`."""

    @wraps(command)
    def asked(
        *,
        as_json: bool,
        as_csv: bool,
        form: str | None,
        output: Path | None,
        **given: Any,
    ) -> Any:
        wanted = Wanted.of(as_json=as_json, as_csv=as_csv, form=form, output=output)
        return command(wanted=wanted, **given)

    for option in (_OUTPUT, _FORM, _CSV):
        asked = option(asked)
    return common_options(asked)


def deliver(report: Report, wanted: Wanted) -> None:
    """Show a report, or write its file. Raises BadInput or FileFault."""
    if wanted.output is not None:
        say(f"{write_report(report, wanted.form or 'csv', wanted.output)}")
    elif wanted.form == "json":
        show_json(report.document)
    elif wanted.form == "csv":
        write_csv(report.flat, sys.stdout)
    else:
        for sheet in report.sheets:
            show_sheet(sheet)


def write_report(report: Report, form: str, output: Path) -> Path:
    """Write a report into a folder or to a file; returns the file.

    Raises BadInput or FileFault.
    """
    target = output
    if output.is_dir():
        target = output / f"{report.name}.{form}"
    match form:
        case "csv":
            write_csv_file(report.flat, target)
        case "json":
            write_json_file(report.document, target)
        case "xlsx":
            write_xlsx_file(report.sheets, target)
        case "parquet":
            write_parquet_file(report.flat, target)
        case _:
            if report.page is None:
                raise BadInput("only the statement has pages; take another --format")
            write_bytes_file(report.page(), target)
    return target


def made_folder(wanted: Wanted) -> Path:
    """Return the folder for files of several reports. Raises BadInput."""
    if wanted.output is None:
        raise BadInput("give --output FOLDER for all customers at once")
    with folder(wanted.output) as made:
        return made


def show_sheet(sheet: Sheet) -> None:
    """Print a sheet as a table, and its notes below it."""
    headings = [column.heading for column in sheet.columns]
    show_table(headings, text_rows(sheet), title=sheet.title, has_total=sheet.total)
    for note in sheet.caveats:
        say(note)


def _form_of(output: Path | None) -> str | None:
    """Tell the form by the end of a file's name. Raises BadInput."""
    if output is None:
        return None
    ending = output.suffix.removeprefix(".").lower()
    if output.is_dir() or ending not in FORMS:
        raise BadInput(f"{output} does not say its form; give --format")
    return ending


_CSV = click.option("--csv", "as_csv", is_flag=True, help="Answer with CSV.")
_FORM = click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    help="The form of the file; else by the ending of its name.",
)
_OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a file, or into a folder, instead of showing a table.",
)
