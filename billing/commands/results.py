"""Results of pulls and syncs, as lines and sentences."""

from collections import Counter
from collections.abc import Iterable

from billing.domain.contact_sentences import contact_complaints
from billing.domain.listed_names import listed_names
from billing.domain.parity_sentences import shadow_sentence
from billing.pipeline.cycle_report import PullResult
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import SyncReport
from billing.reports.sheets.cells import UNKNOWN
from billing.reports.sheets.formatting import counted, format_time
from billing.reports.status.first_contact import wait_sentence

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
LOCKED_BY_ANOTHER = "another process is pulling it"


def pull_line(result: PullResult) -> list[str]:
    """Return a pull as a line under PULL_HEADINGS."""
    certificate = result.certificate
    if certificate is None:
        state = "no" if result.error else LOCKED_BY_ANOTHER
        return [result.account, state, *[""] * (len(PULL_HEADINGS) - 2)]
    counts = (
        certificate.fetched,
        certificate.billed,
        sum(certificate.not_billable.values()),
        sum(certificate.quarantined.values()),
        certificate.source_minutes,
        certificate.ledger_minutes,
    )
    cells = [UNKNOWN if count is None else f"{count:,}" for count in counts]
    return [result.account, "yes", *cells]


def pull_sentences(results: Iterable[PullResult]) -> list[str]:
    """Say which other months were met, and how far back minutes were searched for."""
    sentences = []
    for result in results:
        certificate = result.certificate
        if certificate is None:
            continue
        met = [
            f"{passed.calls:,} of {month}"
            + ("" if passed.billed_here else " (not billed here)")
            for month, passed in certificate.passed_over.items()
        ]
        if met:
            sentences.append(
                f"{result.account}: calls of other months: {', '.join(met)}."
            )
        if certificate.looked_back_to is not None:
            words = f"{result.account}: Pamela counts more minutes than were found; "
            words += f"looked back to {certificate.looked_back_to:%Y-%m-%d}"
            left = (certificate.source_minutes or 0) - certificate.ledger_minutes
            end = f", and {left} are still missing" if left > 0 else ", and all ties"
            sentences.append(f"{words}{end}.")
    return sentences


def overruled_sentences(results: Iterable[PullResult]) -> list[str]:
    """Say of which calls Pamela now says itself what a person had decided."""
    sentences = []
    for result in results:
        names = result.certificate.overruled if result.certificate else ()
        if names:
            sentences.append(
                f"{result.account}: Pamela can be understood, so what was decided "
                f"holds no more, and the difference is posted: "
                f"{listed_names(names)}."
            )
    return sentences


def withheld_sentence(results: Iterable[PullResult]) -> str | None:
    """Say how many values of calls' metadata were not stored; None when all were."""
    counts: Counter[str] = Counter()
    for result in results:
        if result.certificate is not None:
            counts.update(result.certificate.withheld)
    if not counts:
        return None
    return (
        f"Metadata not stored: {counted(counts['could_be_phone'], 'value')} that could "
        f"be phone numbers, {counts['unusable']:,} that are no short text."
    )


def sync_sentence(report: SyncReport) -> str:
    """Say in one line what a sync did, and until when a first send waits."""
    readings = [
        f"{count:,} {words}"
        for count, words in (
            (report.settled - report.requeued, "settled by reading"),
            (report.requeued, "queued again after proof of absence"),
            (report.rejected, "found refused"),
        )
        if count
    ]
    counts = [f"{count:,} {name}" for name, count in report.outcomes.items()]
    queued = counted(report.staged, "event")
    done = f"Sync: {queued} queued; {', '.join(counts + readings)}."
    if not report.outcomes:
        done = f"Sync: {', '.join(readings) or 'nothing was due'}."
    waiting = wait_sentence(report.contact) if report.outcomes else None
    shadow = f"{shadow_sentence(report.in_shadow)}." if report.in_shadow else None
    return " ".join(filter(None, (done, waiting, shadow)))


def after_all_sentence(event: str) -> str:
    """Say of a refused event that it is not sent anew, and what a person does."""
    return (
        f"{event} is on Stripe's meter after all, so it is not sent anew: "
        f"`sync --void {event} --reason TEXT`, then acknowledge its breaks"
    )


def sync_complaints(report: SyncReport) -> list[str]:
    """Return a sentence, with what to do, for all that went wrong in a sync."""
    sentences = [
        f"Stripe has no customer for {name}; fix stripe_customer in the settings, "
        "nothing of it was sent"
        for name in report.no_such_customer
    ]
    sentences += [
        f"{customer} has sixty events in the hour {format_time(hour)} already; a "
        "person must report the rest"
        for customer, hour in report.full_hours
    ]
    sentences += report.held
    if report.rejected:
        sentences.append(
            f"Stripe refused {counted(report.rejected, 'event')} that it had accepted; "
            "see `breaks`, fix the cause, then `sync --retry --reason TEXT`"
        )
    if held := report.outcomes[Outcome.HELD]:
        sentences.append(
            f"{counted(held, 'event')} held: a month has too few minutes to take them "
            "from, or a person has to decide; credit the customer, then "
            "`sync --void EVENT --reason TEXT`"
        )
    sentences += [
        f"{name}: another process is sending it" for name in report.locked_by_another
    ]
    sentences += contact_complaints(report.contact)
    if report.stopped_because:
        sentences.append(f"Stripe: {report.stopped_because}")
    return sentences
