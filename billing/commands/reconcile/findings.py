"""Findings: a reconciliation as a person sees it."""

from billing.commands.display import say, show_table
from billing.reports.reconciliation.live import (
    CAUSE_HEADINGS,
    Reconciliation,
    cause_lines,
    reconciliation_headings,
    reconciliation_lines,
)
from billing.reports.reconciliation.outcome import reconciliation_sentences


def show_findings(report: Reconciliation, *, violated: bool) -> None:
    """Print a reconciliation, of a ledger that may violate an invariant."""
    lines, headings = reconciliation_lines(report), reconciliation_headings(report)
    title = f"Reconciliation {report.period}, minutes"
    show_table(headings, lines, title=title, has_total=True)
    if causes := cause_lines(report, violated=violated):
        show_table(CAUSE_HEADINGS, causes)
    for sentence in reconciliation_sentences(report, violated=violated):
        say(sentence)
