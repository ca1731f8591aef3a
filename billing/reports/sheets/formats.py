"""Forms: a report written down in the one that was asked for."""

from pathlib import Path

from billing.errors import BadInput
from billing.reports.sheets.csv_file import write_csv_file
from billing.reports.sheets.json_file import write_bytes_file, write_json_file
from billing.reports.sheets.parquet_file import write_parquet_file
from billing.reports.sheets.sheet import Report
from billing.reports.sheets.xlsx_file import write_xlsx_file

FORMS = ("csv", "xlsx", "json", "parquet", "pdf")


_OF_ONE_SHEET = {"csv": write_csv_file, "parquet": write_parquet_file}


def write_report(report: Report, form: str, output: Path) -> list[Path]:
    """Write a report into a folder or to a file; returns the file, and those beside it.

    Raises BadInput or FileFault.
    """
    target = output
    if output.is_dir():
        target = output / f"{report.name}.{form}"
    if write_sheet := _OF_ONE_SHEET.get(form):
        sheets = {target: report.flat} | {
            target.with_stem(f"{target.stem}-{sheet.name.lower()}"): sheet
            for sheet in report.beside
        }
        for file, sheet in sheets.items():
            write_sheet(sheet, file)
        return list(sheets)
    match form:
        case "json":
            write_json_file(report.document, target)
        case "xlsx":
            write_xlsx_file(report.sheets, target)
        case _:
            if report.page is None:
                raise BadInput("only the statement has pages; take another --format")
            write_bytes_file(report.page(), target)
    return [target]
