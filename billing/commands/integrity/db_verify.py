"""`db verify`: the live ledger against its audit trail."""

from pathlib import Path

import click

from billing.commands.display import mark, say
from billing.commands.options import CLEAN, FAILED, acting, common_options, show_json
from billing.errors import LedgerFault
from billing.offline import opened_ledger
from billing.pipeline import integrity
from billing.reports.audit.live_ledger import verify_ledger
from billing.reports.status.moves import read_move
from billing.verifier.findings import BadRecord, Unreadable


@click.command()
@click.option(
    "--rebuild-index",
    is_flag=True,
    help="Then make the index of the trail anew, if somebody changed that by hand.",
)
@common_options
def verify(settings_file: Path, as_json: bool, rebuild_index: bool) -> int:
    """Verify every row against the audit trail: that nothing was changed by hand.

    It is what `pamela-billing verify` does with a bundle, done with the live ledger:
    chain, signed heads, digests of all rows, every call rated again, closed months.
    Ends with 1 when something was changed.
    """
    with opened_ledger(settings_file) as books:
        moved = read_move(books.ledger)
        if moved and not as_json:
            say(f"{mark(False)} {moved}.")
        try:
            shown = verify_ledger(books.ledger)
        except BadRecord as bad:
            if as_json:
                show_json(
                    {
                        "verdict": "FAIL",
                        "where": bad.where,
                        "why": bad.why,
                        "moved": moved,
                    }
                )
            else:
                say(f"FAIL  {bad}")
            return FAILED
        except Unreadable as fault:
            raise LedgerFault(str(fault)) from None
        rebuilt = None
        if rebuild_index:
            actor = acting("db verify")
            rebuilt = integrity.rebuild_index(books.ledger, actor, books.now)
    if as_json:
        document = {"verdict": "PASS", **shown._asdict(), "moved": moved}
        show_json(document if rebuilt is None else {**document, "rebuilt": rebuilt})
        return CLEAN
    events, heads = shown.chain["events"], shown.chain["heads"]
    rows, calls = shown.usage_rows, shown.calls
    say(
        f"PASS  every row is as the audit trail recorded it: {events:,} events without "
        f"a gap, {heads:,} signed heads, {rows:,} rows of usage rated again from "
        f"{calls:,} calls"
    )
    if rebuilt is not None:
        say("The index of the trail is made anew from its events.")
    return CLEAN
