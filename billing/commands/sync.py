"""`sync`: bring the Stripe meter level with the ledger."""

from pathlib import Path

import click

from billing.app import App, opened_app
from billing.commands.display import complain, progress_bars, say
from billing.commands.hold import HoldOrder, carry_out, hold_options
from billing.commands.options import CLEAN, FAILED, common_options, show_json
from billing.commands.results import sync_complaints, sync_sentence
from billing.documents import sync_document
from billing.errors import BadInput
from billing.pipeline.integrity import require_invariants
from billing.pipeline.sync.operator_actions import retry_rejected, void_event
from billing.pipeline.sync.sync import SyncReport, sync_meter
from billing.reports.sheets.formatting import counted

ACTOR = "pamela-billing sync"


@click.command()
@click.option(
    "--now",
    "at_once",
    is_flag=True,
    help="Report the present hour too, as far as it has come.",
)
@click.option(
    "--retry",
    is_flag=True,
    help="Send anew, under new identifiers, what Stripe refused, once you have fixed "
    "the cause.",
)
@click.option(
    "--settle",
    is_flag=True,
    help="Send nothing; read from Stripe whether events with an uncertain outcome were "
    "counted, and settle them.",
)
@click.option(
    "--void",
    metavar="EVENT",
    help="Give up this failed event for good; `breaks` and `explain` name it.",
)
@hold_options
@click.option(
    "--reason",
    default="",
    help="Why, with --void, --hold or --release; kept in the audit trail.",
)
@common_options
def sync(
    *,
    settings_file: Path,
    as_json: bool,
    at_once: bool,
    retry: bool,
    settle: bool,
    void: str | None,
    hold: HoldOrder | None,
    reason: str,
) -> int:
    """Report to the Stripe meter what the ledger holds and the meter does not.

    Hours that are over are reported, each customer's as one event. Ends with 0 when all
    of it was counted, and with 1 when something was not; the next sync goes on.
    """
    if sum((retry, settle, void is not None, hold is not None)) > 1:
        raise BadInput("give one of --retry, --settle, --void, --hold and --release")
    if reason and void is None and hold is None:
        raise BadInput("--reason belongs to --void, --hold or --release")
    if hold is not None:
        document, sentence = carry_out(settings_file, hold, reason)
        return _show(document, sentence, as_json=as_json)
    with opened_app(settings_file, actor=ACTOR) as app, app.exclusive():
        if void is not None:
            void_event(app.ledger, ACTOR, app.clock.now(), void, reason)
            return _show({"voided": void}, f"{void} is given up.", as_json=as_json)
        if not settle:
            require_invariants(app.ledger, app.clock.now())
        freed = retry_rejected(app.ledger, ACTOR, app.clock.now()) if retry else 0
        report = _sync(app, at_once=at_once, settle_only=settle)
    document, sentence = sync_document(report), sync_sentence(report)
    if retry:
        document["retried"] = freed
        sentence = f"{counted(freed, 'refused event')} to be sent anew. {sentence}"
    _show(document, sentence, as_json=as_json)
    if not as_json:
        for complaint in sync_complaints(report):
            complain(f"pamela-billing: {complaint}")
    return CLEAN if report.clean else FAILED


def _sync(app: App, *, at_once: bool, settle_only: bool) -> SyncReport:
    terms = app.sync_options(at_once=at_once, settle_only=settle_only)
    with progress_bars() as watch:
        return sync_meter(app.ledger, app.meter, terms, progress=watch("sync"))


def _show(document: dict[str, object], sentence: str, *, as_json: bool) -> int:
    if as_json:
        show_json(document)
    else:
        say(sentence)
    return CLEAN
