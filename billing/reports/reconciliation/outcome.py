"""What a reconciliation comes to: as of when, what is off, and the verdict."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

from billing.domain.break_causes import Cause
from billing.domain.break_groups import CARRIED, EXPLAINED
from billing.domain.listed_names import listed_names
from billing.domain.taking_back import taking_back_sentence
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.reconciliation.live import difference_of
from billing.reports.reconciliation.read_times import read_sentence
from billing.reports.sheets.formatting import counted, format_time

_MOST_REMEDIES = 5


def reconciliation_sentences(
    report: Reconciliation, *, violated: bool = False
) -> list[str]:
    """Say what a reconciliation comes to, the verdict last.

    Where an invariant is violated, nothing is taken back by what the ledger says.
    """
    read_at = [account.calls_read_at for account in report.accounts]
    sentences = [read_sentence(read_at, report.started_at)]
    sentences += [
        f"Account {account.account} was not read whole: pull {report.period} again."
        for account in report.accounts
        if not account.complete
    ]
    sentences += [
        f"Account {account.account}: its calls add up to {account.calls_minutes:,} "
        f"minutes, its own total is {account.usage_minutes:,}."
        for account in report.accounts
        if account.difference_minutes
    ]
    if report.quarantined:
        sentences.append(
            f"{counted(report.quarantined, 'call')} in quarantine: see "
            "`pamela-billing quarantine`."
        )
    sentences += _left_out(report)
    sentences += _moved(report)
    if not violated:
        sentences += _doubled(report)
    sentences.append(_verdict(report))
    return sentences


def _left_out(report: Reconciliation) -> Iterator[str]:
    if report.invoices_fault:
        yield f"What was invoiced could not be read: {report.invoices_fault}"
    for name, fault in report.unread.items():
        yield f"{name} was left out, since it could not be read: {fault}"
    for name, fault in report.accounts_unread.items():
        yield f"Account {name} could not be read: {fault}"
    for name, fault in report.invoices_unread.items():
        yield f"What was invoiced to {name} could not be read: {fault}"


def _verdict(report: Reconciliation) -> str:
    causes = {item.cause for _, _, item in report.breaks}
    if report.clean:
        return f"{_agreement(causes)}, {_as_of(report)}."
    if is_only_unsettled(report):
        return "Not settled yet: Stripe's summaries lag behind; reconcile again later."
    total = difference_of(report)
    if total is None:
        return "The total difference is not settled yet."
    return f"Total difference: {counted(total, 'minute', sign='+')}{_inside(report)}."


def _inside(report: Reconciliation) -> str:
    """Say what stands in the breaks, where some of it cancels out in the total."""
    minutes = [
        item.minutes
        for each in report.customers
        for item in each.breaks
        if item.cause not in EXPLAINED
    ]
    inside = sum(map(abs, minutes))
    if inside == abs(sum(minutes)):
        return ""
    breaks = counted(len(minutes), "break")
    return f", of {breaks} with {counted(inside, 'minute')} in them"


def _moved(report: Reconciliation) -> Iterator[str]:
    """Say which minutes Pamela counts for another customer than the ledger does."""
    shares: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for customer, _, item in report.breaks:
        if item.cause is Cause.CHANGED_CALL and customer is not None:
            shares[item.calls][customer] = item.minutes
    moved: Counter[tuple[str, str]] = Counter()
    for share in [each for each in shares.values() if len(each) > 1]:
        taker, *_, giver = sorted(share, key=share.__getitem__)
        if share[giver] + share[taker] == 0:
            moved[giver, taker] += share[giver]
    moves = [
        f"{counted(minutes, 'minute')} from {giver} to {taker}"
        for (giver, taker), minutes in moved.items()
    ]
    if moves:
        yield f"Pamela moved {listed_names(moves)}."


def _doubled(report: Reconciliation) -> list[str]:
    """Say how a person takes back what counted twice, for a few events."""
    remedies = [
        f"{taking_back_sentence(item.event, item.hour, item.minutes)}."
        for _, _, item in report.breaks
        if item.cause is Cause.COUNTED_TWICE and item.event and item.hour
    ]
    more = len(remedies) - _MOST_REMEDIES
    left_out = [
        f"{counted(more, 'more event')} counted twice: see `pamela-billing breaks`."
    ]
    return remedies[:_MOST_REMEDIES] + (left_out if more > 0 else [])


def _agreement(causes: Collection[Cause]) -> str:
    if Cause.DECIDED in causes:
        return "Every difference was decided by a person, or stands in another month"
    if CARRIED.intersection(causes):
        return "Every difference stands in another month; the totals agree"
    return "Pamela, the ledger and Stripe agree, minute by minute"


def _as_of(report: Reconciliation) -> str:
    """Say as of when they agree: what Pamela changed after she was read is not seen."""
    words, read_at = f"as of {format_time(report.started_at)}", report.calls_read_at
    if read_at is None or read_at >= report.started_at:
        return words
    return (
        f"{words}; Pamela's calls as read at {format_time(read_at)}: `pamela-billing "
        f"reconcile {report.period} --thorough` reads them anew"
    )


def is_only_unsettled(report: Reconciliation) -> bool:
    """Say whether waiting for Stripe's summaries is all that is left to do."""
    causes = {item.cause for each in report.customers for item in each.breaks}
    return (
        causes - EXPLAINED == {Cause.NOT_SETTLED}
        and report.complete
        and not report.quarantined
        and not report.left_out
        and all(account.agrees for account in report.accounts)
    )
