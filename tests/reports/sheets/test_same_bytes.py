"""Files of one ledger are the same bytes, made twice, and on either database."""

from pathlib import Path

from billing.ledger.database import Ledger
from billing.reports.sheets.formats import FORMS, write_report
from billing.reports.sheets.sheet import Report
from billing.reports.statement.statement import read_statements
from billing.reports.statement.statement_workbook import statement_report
from billing.reports.usage.report import KEYS, read_usage
from billing.reports.usage.rounding import read_rounding
from billing.reports.usage.rows_export import exported_usage
from billing.reports.usage.usage_workbook import usage_report
from billing.reports.usage.what_if import read_terms, rerated
from tests.ledger.bookkeeping import MARCH, register
from tests.reports.bookkeeping import fill_awkwardly


def files_of(ledger: Ledger, folder: Path) -> dict[str, bytes]:
    """Write every report in every form; return the files by name."""
    folder.mkdir()
    reports: list[Report] = [
        *(statement_report(one) for one in read_statements(ledger, MARCH)),
        read_rounding(ledger, MARCH),
    ]
    for key in KEYS:
        found = usage_report(read_usage(ledger, MARCH, key, by_all=True))
        reports.append(
            Report(
                name=f"{key}",
                sheets=found.sheets,
                flat=found.flat,
                document=found.document,
            )
        )
    for report in reports:
        for form in FORMS:
            if form != "pdf" or report.page:
                write_report(report, form, folder / f"{report.name}.{form}")
    terms = read_terms("0.1234567", step=6, least=0)
    for form in ("csv", "xlsx", "parquet"):
        with rerated(ledger, MARCH, terms, by_call=True) as again:
            write_report(again, form, folder / f"what-if.{form}")
        with exported_usage(ledger, MARCH) as rows:
            write_report(rows, form, folder / f"rows.{form}")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_files_are_the_same_on_both_databases_and_when_made_again(
    sqlite_ledger: Ledger, postgres_ledger: Ledger, tmp_path: Path
) -> None:
    for ledger in (sqlite_ledger, postgres_ledger):
        register(ledger)
        fill_awkwardly(ledger)
    once = files_of(sqlite_ledger, tmp_path / "once")
    again = files_of(sqlite_ledger, tmp_path / "again")
    other = files_of(postgres_ledger, tmp_path / "other")
    assert len(once) > 30
    for name, content in once.items():
        assert content == again[name], f"{name} made again"
        assert content == other[name], f"{name} on PostgreSQL"
    assert once.keys() == again.keys() == other.keys()
