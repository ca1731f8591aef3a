"""The month end as it is shown: the story as it goes on, and then both months."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from billing.commands.demo.first_day import (
    SETTINGS,
    keep_running,
    no_output,
    say_step,
    story_stage,
)
from billing.commands.display import say, say_paragraph, show_table
from billing.commands.hints import program
from billing.commands.options import CLEAN, FAILED, person, show_json
from billing.demo.month_end.ending import MonthEndResult
from billing.demo.month_end.invoices import WHY
from billing.demo.month_end.papers import Papers, write_papers
from billing.demo.month_end.story import play
from billing.demo.world import STATE, World
from billing.reports.reconciliation.live import Reconciliation, reconciliation_document
from billing.reports.sheets.formatting import Document

HEADINGS = ["customer", "Pamela", "ledger", "Stripe", "invoice", "difference", "why"]
EXPLAINED = {
    "plain": "a plain call",
    "late": "turned up after the close",
    "corrected": "corrected after the close",
    "troubled": "uncertain, then rejected, then sent anew",
    "unconnected": "nobody answered",
    "quarantined": "cannot be understood",
}
TRUTH = (
    "The sandbox's own count: {called:,} minutes of calls, {counted:,} on the meter, "
    "{invoiced:,} invoiced so far."
)
TOGETHER = (
    "Both months together: {pamela:,} minutes at Pamela, {ledger:,} in the ledger, "
    "{stripe:,} at Stripe: a difference of {difference}, {verdict}."
)
ENDING = """\
All of it took {seconds:.0f} s. The files are in {folder}/.

Next:
  cd {folder}
{explain}
  {billing} status
  {billing} report statement {month} {customer}
  {billing} verify papers/audit-{month}.zip
  {billing} sandbox --state {state} --port {port}  # to go on with `run`"""


def show_month_end(
    world: Callable[[], World],
    folder: Path,
    *,
    seed: int,
    started: float,
    as_json: bool,
    keep: bool,
) -> int:
    """Tell the story in a world and show how it ends; return the exit code."""
    stage = story_stage(as_json=as_json)
    site = world()
    ending = play(site, folder / SETTINGS, stage, seed)
    papers = write_papers(folder / SETTINGS, ending.month, person())
    show = _show_json if as_json else _show
    show(ending, papers, folder, site.url, seconds=time.monotonic() - started)
    if keep:
        keep_running(site.url, say=no_output if as_json else say)
    return CLEAN if ending.good and papers.verified else FAILED


def _show(
    ending: MonthEndResult, papers: Papers, folder: Path, url: str, *, seconds: float
) -> None:
    for run in ending.reconciliations:
        state = "closed" if run.period == ending.month else "open"
        title = f"{run.period}, {state}, minutes; difference: Stripe less Pamela"
        show_table(HEADINGS, _lines(run), title=title, has_total=True)
    for line in _reasons(ending):
        say_step(line)
    customers = ending.customers
    say_step(
        TOGETHER.format(
            pamela=sum(customer.pamela_minutes for customer in customers),
            ledger=sum(customer.ledger_minutes for customer in customers),
            stripe=sum(customer.stripe_minutes for customer in customers),
            difference=ending.difference_minutes,
            verdict="as it should be" if ending.good else "AND SOMETHING IS WRONG",
        )
    )
    say_step(
        TRUTH.format(
            called=ending.called_minutes,
            counted=ending.counted_minutes,
            invoiced=ending.invoiced_minutes,
        )
    )
    for line in _papers(papers):
        indent = " " * (len(line) - len(line.lstrip(" -")))
        say_paragraph(line, indent)
    billing = program(folder)
    explain = [
        f"  {billing} explain {name}  # {what}"
        for kind, name in asdict(ending.named_calls).items()
        for what in [EXPLAINED[kind]]
    ]
    say(
        ENDING.format(
            seconds=seconds,
            folder=folder,
            billing=billing,
            explain="\n".join(explain),
            month=ending.month,
            customer=customers[0].customer,
            state=STATE,
            port=url.rpartition(":")[2],
        )
    )


def _papers(papers: Papers) -> Iterator[str]:
    """Say what was written for finance and auditors, and what the verifier says."""
    yield f"   For finance and auditors, in {papers.bundle.parent}/:"
    count = len(papers.statements)
    yield f"   - {count} statements, such as {papers.statements[0].name};"
    names = " and ".join(path.name for path in papers.journals)
    yield f"   - {papers.reconciliation.name}, and entries for the books: {names};"
    yield f"   - {papers.bundle.name}, of which its verifier says:"
    yield from (f"     {line}" for line in papers.verdict)


def _lines(run: Reconciliation) -> list[list[str]]:
    """Return a line for each customer, and the total last."""
    customers = run.customers
    lines = [
        [
            each.customer,
            f"{each.pamela_minutes:,}",
            f"{each.ledger_minutes:,}",
            f"{each.stripe_minutes:,}",
            "" if each.invoiced_minutes is None else f"{each.invoiced_minutes:,}",
            f"{each.difference_minutes:+,d}" if each.difference_minutes else "0",
            ", ".join(f"{item.minutes:+,d} {item.cause}" for item in each.breaks),
        ]
        for each in customers
    ]
    invoiced = sum(each.invoiced_minutes or 0 for each in customers)
    total = [
        "total",
        f"{sum(customer.pamela_minutes for customer in customers):,}",
        f"{sum(customer.ledger_minutes for customer in customers):,}",
        f"{sum(customer.stripe_minutes for customer in customers):,}",
        f"{invoiced:,}" if invoiced else "",
        f"{run.difference_minutes:+,d}" if run.difference_minutes else "0",
        "",
    ]
    return [*lines, total]


def _reasons(ending: MonthEndResult) -> Iterator[str]:
    """Say what each cause means, and which calls stand in another month."""
    items = [item for customer in ending.customers for item in customer.breaks]
    for cause in dict.fromkeys(item.cause for item in items):
        yield f"   - {cause}: {cause.meaning}."
    for item in ending.adjustments:
        calls = ", ".join(item.calls)
        yield f"   - {item.minutes:+,d} minutes: {calls}, {item.evidence}."
    missed = ending.missed
    yield f"   - {-missed.minutes} minutes: {missed.call}, acknowledged: {WHY}."


def _show_json(
    ending: MonthEndResult, papers: Papers, folder: Path, url: str, *, seconds: float
) -> None:
    closed = ending.closed.closed
    months: list[Document] = [
        reconciliation_document(run, ending.currency) for run in ending.reconciliations
    ]
    show_json(
        {
            "good": ending.good,
            "difference_minutes": ending.difference_minutes,
            "outage": {
                "doubts": ending.survived.uncertain,
                "counted": ending.survived.counted,
                "absent": ending.survived.absent,
            },
            "rejected": {
                "named": ending.rejected.named,
                "found": ending.rejected.read,
                "sent_anew": ending.sent_anew,
            },
            "in_the_way": [obstacle.kind.value for obstacle in ending.obstacles],
            "missed": asdict(ending.missed),
            "closed": closed
            and {
                "period": str(closed.period),
                "digest": closed.digest,
                "totals": dict(closed.totals),
            },
            "reconciliations": months,
            "adjustments": [
                {"minutes": item.minutes, "calls": item.calls, "what": item.evidence}
                for item in ending.adjustments
            ],
            "truth": {
                "pamela_minutes": ending.called_minutes,
                "stripe_minutes": ending.counted_minutes,
                "invoiced_minutes": ending.invoiced_minutes,
            },
            "explain": asdict(ending.named_calls),
            "papers": _papers_document(papers),
            "folder": str(folder),
            "sandbox": url,
            "seconds": round(seconds, 1),
        }
    )


def _papers_document(papers: Papers) -> Document:
    single = (papers.reconciliation, papers.bundle)
    return {
        "files": [
            str(path) for path in (*papers.statements, *papers.journals, *single)
        ],
        "verified": papers.verified,
        "verdict": papers.verdict,
    }
