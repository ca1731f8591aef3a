"""Delivery: a report in the form that was asked for, on the screen or in a file."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from billing.commands.display import complain, say, show_table
from billing.commands.options import Choice, common_options, show_json
from billing.errors import BadInput
from billing.files.atomic_file import folder
from billing.reports.sheets.cells import screen_rows
from billing.reports.sheets.csv_file import write_csv
from billing.reports.sheets.formats import FORMS, write_report
from billing.reports.sheets.sheet import PROVISIONAL, Report, Sheet

_ON_SCREEN = ("csv", "json")
# Only a statement has pages.
_TABLE_FORMS = [form for form in FORMS if form != "pdf"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form that a report is wanted in, and where; None is a table on the screen."""

    form: str | None
    output: Path | None
    as_json: bool

    @classmethod
    def of(
        cls, *, as_json: bool, as_csv: bool, form: str | None, output: Path | None
    ) -> "Wanted":
        """Make one of what was typed; raises BadInput for a contradiction."""
        typed = {name for name, typed in (("csv", as_csv), (form, form)) if typed}
        if as_json and not (output and typed):
            # With a file of another form, the answer only says where that is.
            typed.add("json")
        if len(typed) > 1:
            raise BadInput("give --json, --csv or --format, not more than one")
        form = typed.pop() if typed else _form_of(output)
        if form not in (*_ON_SCREEN, None) and output is None:
            raise BadInput(f"{form} is not for the screen; give --output FILE")
        return cls(form, output, as_json)

    def show_files(self, files: Sequence[Path]) -> None:
        """Say which files were written."""
        if self.as_json:
            show_json({"files": [str(file) for file in files]})
            return
        for file in files:
            say(f"{file}")


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a report --format, --output, --csv and the common options, as `wanted`."""
    return _with_options(command, _format_option(*_TABLE_FORMS))


def statement_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a report that has pages the options of a report, and PDF."""
    return _with_options(command, _format_option(*FORMS))


def _with_options(
    command: Callable[..., Any], form_option: Callable[..., Any]
) -> Callable[..., Any]:
    @wraps(command)
    def with_wanted(
        *,
        as_json: bool,
        as_csv: bool,
        form: str | None,
        output: Path | None,
        **options: Any,
    ) -> Any:
        wanted = Wanted.of(as_json=as_json, as_csv=as_csv, form=form, output=output)
        return command(wanted=wanted, **options)

    for option in (_OUTPUT, form_option, _CSV):
        with_wanted = option(with_wanted)
    return common_options(with_wanted)


def deliver(report: Report, wanted: Wanted) -> None:
    """Show a report, or write its file. Raises BadInput or FileFault."""
    if wanted.output is not None:
        if wanted.form is None:
            raise BadInput(f"{wanted.output} does not say its form; give --format")
        wanted.show_files(write_report(report, wanted.form, wanted.output))
    elif wanted.form == "json":
        show_json(report.document)
    elif wanted.form == "csv":
        write_csv(report.flat, sys.stdout)
        for sheet in report.beside:
            complain(
                f'"{sheet.name}" is not in this table: --output FOLDER writes it into '
                "a file of its own"
            )
    else:
        show_sheets(report.shown or report.sheets)


def made_folder(wanted: Wanted) -> Path:
    """Return the folder for files of several reports. Raises BadInput."""
    if wanted.output is None:
        raise BadInput("give --output FOLDER for all customers at once")
    with folder(wanted.output) as place:
        return place


def show_sheets(sheets: Sequence[Sheet]) -> None:
    """Print the sheets that have rows, and once that they are provisional."""
    if any(sheet.provisional or PROVISIONAL in sheet.notes for sheet in sheets):
        say(f"{PROVISIONAL}\n")
    shown = 0
    for sheet in sheets:
        if rows := screen_rows(sheet):
            if shown:
                say("")
            _show_sheet(sheet, rows)
            shown += 1
    if not shown:
        say(f"{sheets[0].title}: nothing.")


def _show_sheet(sheet: Sheet, rows: list[list[str]]) -> None:
    headings = [column.heading for column in sheet.columns]
    show_table(headings, rows, title=sheet.title, has_total=sheet.total)
    for note in sheet.notes:
        if note != PROVISIONAL:
            say(note)


def _form_of(output: Path | None) -> str | None:
    """Tell the form by the end of a file's name; None where it says nothing."""
    if output is None or output.is_dir():
        return None
    ending = output.suffix.removeprefix(".").lower()
    return ending if ending in FORMS else None


def _format_option(*forms: str) -> Callable[..., Any]:
    return click.option(
        "--format",
        "form",
        type=Choice(forms),
        help="What to write [default: by the ending of the file's name].",
    )


_CSV = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, no table.")
_OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file or folder, instead of showing a table.",
)
