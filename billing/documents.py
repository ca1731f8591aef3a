"""What pulls, syncs and cycles did, under stable names: for `--json` and the log."""

from billing.errors import BillingError
from billing.pipeline.adopt.shadow import ShadowReport
from billing.pipeline.cycle_report import (
    CycleReport,
    DoneElsewhere,
    PullResult,
    Step,
)
from billing.pipeline.sync.sync import SyncReport
from billing.reports.parity.shadow_status import shadow_document
from billing.reports.reconciliation.live import Reconciliation, reconciliation_document
from billing.reports.sheets.formatting import Document, format_time
from billing.reports.status.first_contact import contact_document

_LOGGED_OF_A_SYNC = (
    "staged",
    "events",
    "elsewhere",
    "clean",
    "stopped_because",
    "openings",
    "first_sends_wait",
    "stopped",
)


def pull_document(result: PullResult) -> Document:
    """Return a pull with its certificate."""
    certificate = result.certificate
    document: Document = {
        "account": result.account,
        "period": str(result.period),
        "complete": certificate is not None,
        "error": result.error,
    }
    if certificate is not None:
        document |= {
            "pages": certificate.pages,
            "fetched": certificate.fetched,
            "billed": certificate.billed,
            "not_billable": dict(certificate.not_billable),
            "quarantined": dict(certificate.quarantined),
            "source_call_count": certificate.source_call_count,
            "source_minutes": certificate.source_minutes,
            "ledger_minutes": certificate.ledger_minutes,
            "metadata_withheld": dict(certificate.withheld),
            "passed_over": {
                month: {"calls": passed.calls, "billed_here": passed.billed_here}
                for month, passed in certificate.passed_over.items()
            },
            "looked_back_to": format_time(certificate.looked_back_to),
            "decisions_overruled": list(certificate.overruled),
        }
    return document


def sync_document(report: SyncReport) -> Document:
    """Return what a sync did."""
    return {
        "staged": report.staged,
        "events": {outcome.value: count for outcome, count in report.outcomes.items()},
        "settled": report.settled,
        "requeued": report.requeued,
        "rejected": report.rejected,
        "clean": report.clean,
        "elsewhere": report.locked_by_another,
        "no_such_customer": report.no_such_customer,
        "held": report.held,
        "in_shadow": report.in_shadow,
        "full_hours": [
            {"customer": customer, "hour": format_time(hour)}
            for customer, hour in report.full_hours
        ],
        "stopped_because": report.stopped_because,
        **contact_document(report.contact),
    }


def cycle_document(report: CycleReport, currency: str) -> Document:
    """Return what a whole cycle did."""
    return {
        "failed": report.failed,
        "errors": list(report.errors),
        "pulls": [pull_document(result) for result in report.pulls],
        "sync": sync_document(report.sync) if report.sync else None,
        "shadow": compared_document(report.shadow) if report.shadow else None,
        "reconciliations": [
            reconciliation_document(each, currency) for each in report.reconciliations
        ],
        "reconciled_elsewhere": [str(period) for period in report.elsewhere],
    }


def compared_document(report: ShadowReport) -> Document:
    """Return whose meter was read and compared."""
    document = shadow_document(report.customers, report.verdict)
    return document | {"errors": list(report.faults)}


def step_line(step: Step) -> tuple[str, Document]:
    """Return the name and the fields of a step's line in the log."""
    match step:
        case PullResult():
            return "pull", _pull_fields(step)
        case SyncReport():
            document = sync_document(step)
            return "sync", {name: document[name] for name in _LOGGED_OF_A_SYNC}
        case ShadowReport():
            return "shadow", _shadow_fields(step)
        case DoneElsewhere():
            return "reconcile", {"period": str(step.period), "elsewhere": True}
        case BillingError():
            return "fault", {"kind": step.kind, "error": str(step)}
        case _:
            return "reconcile", _reconciliation_fields(step)


def _pull_fields(result: PullResult) -> Document:
    certificate = result.certificate
    fields: Document = {
        "account": result.account,
        "period": str(result.period),
        "complete": certificate is not None,
    }
    if certificate is not None:
        fields["fetched"] = certificate.fetched
        fields["quarantined"] = sum(certificate.quarantined.values())
        if certificate.withheld:
            fields["metadata_withheld"] = sum(certificate.withheld.values())
        if certificate.looked_back_to:
            fields["looked_back_to"] = format_time(certificate.looked_back_to)
        if certificate.overruled:
            fields["decisions_overruled"] = list(certificate.overruled)
    elif result.error is None:
        fields["elsewhere"] = True
    return fields | ({"error": result.error} if result.error else {})


def _shadow_fields(report: ShadowReport) -> Document:
    verdict = report.verdict
    fields: Document = {
        "customers": len(report.customers),
        "held_days": verdict.held_days,
        "broken": [each.customer for each in verdict.broken],
    }
    return fields | ({"error": "; ".join(report.faults)} if report.faults else {})


def _reconciliation_fields(run: Reconciliation) -> Document:
    fields: Document = {
        "period": str(run.period),
        "settled": run.settled,
        "clean": run.clean,
        "difference_minutes": run.difference_minutes,
        "breaks": sum(len(customer.breaks) for customer in run.customers),
        "quarantined": run.quarantined,
    }
    return fields | ({"left_out": run.left_out} if run.left_out else {})
