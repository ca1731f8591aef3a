"""`explain`: the life of one call on one page, and whether it is billed."""

from pathlib import Path

import click

from billing.commands.display import say, show_part
from billing.commands.options import CLEAN, common_options, show_json
from billing.offline import opened_ledger
from billing.reports.call.explanation import explanation_document, read_trace
from billing.reports.call.page import page_of
from billing.reports.call.verdict import verdict_on


@click.command()
@click.argument("call_id", help="The call's id at Pamela.")
@click.option(
    "--account",
    metavar="NAME",
    help="Whose call, if several accounts have it.",
)
@common_options
def explain(
    settings_file: Path, as_json: bool, call_id: str, account: str | None
) -> int:
    """Show what became of a call, from the source to the invoice; needs no network."""
    with opened_ledger(settings_file) as opened:
        trace = read_trace(opened.ledger, call_id, account)
    if as_json:
        show_json(explanation_document(trace))
        return CLEAN
    say(f"Call {trace.call_id} of the account {trace.account}")
    for part in page_of(trace):
        show_part(part.title, part.headings, part.lines, part.sentences)
    say(f"\nThis call is {verdict_on(trace)}.")
    return CLEAN
