"""Forms: a report written down in the one that was asked for."""

from pathlib import Path

from billing.errors import BadInput
from billing.reports.sheets.csv_file import write_csv_file
from billing.reports.sheets.json_file import write_bytes_file, write_json_file
from billing.reports.sheets.parquet_file import write_parquet_file
from billing.reports.sheets.sheet import Report
from billing.reports.sheets.xlsx_file import write_xlsx_file

FORMS = ("csv", "xlsx", "json", "parquet", "pdf")


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
