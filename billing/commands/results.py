"""Results of pulls, syncs and cycles, as documents, lines and sentences."""

from collections import Counter
from collections.abc import Iterable

from billing.pipeline.cycle import CycleReport, PullResult
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import SyncReport
from billing.reports.reconciliation.live import reconciliation_document
from billing.reports.sheets.formatting import Document, spell

PULL_HEADINGS = [
    "account",
    "complete",
    "calls",
    "billed",
    "not billable",
    "quarantined",
    "minutes by Pamela",
    "minutes here",
]
ELSEWHERE = "another process is pulling it"


def pull_document(result: PullResult) -> Document:
    """Return a pull with its certificate."""
    found = result.certificate
    document: Document = {
        "account": result.account,
        "period": str(result.period),
        "complete": found is not None,
        "error": result.error,
    }
    if found is not None:
        document |= {
            "pages": found.pages,
            "fetched": found.fetched,
            "billed": found.billed,
            "not_billable": dict(found.not_billable),
            "quarantined": dict(found.quarantined),
            "source_call_count": found.source_call_count,
            "source_minutes": found.source_minutes,
            "ledger_minutes": found.ledger_minutes,
            "metadata_withheld": dict(found.withheld),
        }
    return document


def pull_line(result: PullResult) -> list[str]:
    """Return a pull as a line under PULL_HEADINGS."""
    found = result.certificate
    if found is None:
        state = "no" if result.error else ELSEWHERE
        return [result.account, state, *[""] * (len(PULL_HEADINGS) - 2)]
    counts = (
        found.fetched,
        found.billed,
        sum(found.not_billable.values()),
        sum(found.quarantined.values()),
        "?" if found.source_minutes is None else found.source_minutes,
        found.ledger_minutes,
    )
    return [result.account, "yes", *map(str, counts)]


def withheld_sentence(results: Iterable[PullResult]) -> str | None:
    """Say how many values of calls' metadata were not stored; None when all were."""
    counts: Counter[str] = Counter()
    for result in results:
        if result.certificate is not None:
            counts.update(result.certificate.withheld)
    if not counts:
        return None
    return (
        f"Metadata not stored: {counts['could_be_phone']:,} values that could be "
        f"phone numbers, {counts['unusable']:,} that are no short text."
    )


def sync_document(report: SyncReport) -> Document:
    """Return what a sync did."""
    return {
        "staged": report.staged,
        "events": {outcome.value: count for outcome, count in report.outcomes.items()},
        "settled": report.settled,
        "rejected": report.rejected,
        "clean": report.clean,
        "elsewhere": report.locked_by_another,
        "no_such_customer": report.no_such_customer,
        "held": report.held,
        "full_hours": [
            {"customer": customer, "hour": spell(hour)}
            for customer, hour in report.full_hours
        ],
        "stopped_because": report.stopped_because,
    }


def sync_sentence(report: SyncReport) -> str:
    """Say in one line what a sync did."""
    found = [
        f"{count:,} {words}"
        for count, words in (
            (report.settled, "settled by reading"),
            (report.rejected, "found refused"),
        )
        if count
    ]
    if not report.outcomes:
        return f"Sync: {', '.join(found) or 'nothing was due'}."
    counts = [f"{count:,} {name}" for name, count in report.outcomes.items()]
    return f"Sync: {report.staged:,} events staged; {', '.join(counts + found)}."


def sync_complaints(report: SyncReport) -> list[str]:
    """Return a sentence, with what to do, for all that went wrong in a sync."""
    said = [
        f"Stripe has no customer for {name}; mend stripe_customer in the settings, "
        "nothing of it was sent"
        for name in report.no_such_customer
    ]
    said += [
        f"{customer} has sixty events in the hour {spell(hour)} already; a person "
        "must report the rest"
        for customer, hour in report.full_hours
    ]
    said += report.held
    if report.rejected:
        said.append(
            f"Stripe refused {report.rejected} events that it had taken; see `breaks`, "
            "mend the cause, then `sync --retry`"
        )
    if report.outcomes[Outcome.HELD]:
        said.append(
            f"{report.outcomes[Outcome.HELD]} events would take minutes from a month "
            "that has too few, or wait for a person; they are held"
        )
    said += [
        f"{name}: another process is sending it" for name in report.locked_by_another
    ]
    if report.stopped_because:
        said.append(f"Stripe: {report.stopped_because}")
    return said


def cycle_document(report: CycleReport, currency: str) -> Document:
    """Return what a whole cycle did."""
    found = report.reconciliations
    return {
        "failed": report.failed,
        "errors": list(report.errors),
        "pulls": [pull_document(result) for result in report.pulls],
        "sync": sync_document(report.sync) if report.sync else None,
        "reconciliations": [reconciliation_document(one, currency) for one in found],
    }
