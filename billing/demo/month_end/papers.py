"""The papers: what finance and auditors receive of the month, and that it verifies."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from billing.domain.period import BillingPeriod
from billing.offline import opened_ledger, signing_key
from billing.reports.audit.bundle import Export, export_bundle
from billing.reports.journal.accounts import TREE
from billing.reports.journal.journal import read_journal
from billing.reports.journal.text_formats import beancount_text, ledger_text
from billing.reports.reconciliation.reconciliation_workbook import reconciled_report
from billing.reports.reconciliation.stored import read_reconciled
from billing.reports.sheets.formats import write_report
from billing.reports.sheets.json_file import write_bytes_file
from billing.reports.statement.statement import read_statements
from billing.reports.statement.statement_workbook import statement_report
from billing.verifier.program import report_verification

FOLDER = "papers"
FORMS = ("pdf", "xlsx")
JOURNALS = {"beancount": beancount_text, "journal": ledger_text}


@dataclass(frozen=True, slots=True)
class Papers:
    """Which files there are, and what the verifier says of the bundle."""

    statements: list[Path]
    journals: list[Path]
    reconciliation: Path
    bundle: Path
    verified: bool
    verdict: list[str]


def write_papers(settings_file: Path, month: BillingPeriod, who: str) -> Papers:
    """Write a month's statements, journals and audit bundle; raises BillingError."""
    folder = settings_file.parent / FOLDER
    folder.mkdir(exist_ok=True)
    signer = signing_key(settings_file)
    with opened_ledger(settings_file) as books:
        ledger = books.ledger
        statements = [
            file
            for statement in read_statements(ledger, month)
            for form in FORMS
            for file in write_report(statement_report(statement), form, folder)
        ]
        journal = read_journal(ledger, [month])
        journals = []
        for ending, spelled in (
            ("beancount", beancount_text),
            ("journal", ledger_text),
        ):
            path = folder / f"{journal.name}.{ending}"
            write_bytes_file(spelled(journal, TREE).encode(), path)
            journals.append(path)
        report = reconciled_report(read_reconciled(ledger, month))
        [reconciliation] = write_report(report, "xlsx", folder)
        bundle = folder / f"audit-{month}.zip"
        code, words = version("pamela-billing"), {"period": str(month)}
        export_bundle(
            ledger,
            bundle,
            Export(
                period=month,
                run_by=who,
                run_at=books.now,
                code_version=code,
                parameters=words,
            ),
            signer,
        )
    code_of_verdict, _, verdict = report_verification(bundle)
    return Papers(
        statements=statements,
        journals=journals,
        reconciliation=reconciliation,
        bundle=bundle,
        verified=not code_of_verdict,
        verdict=list(verdict),
    )
