"""`sync`: bring the Stripe meter level with the ledger."""

from pathlib import Path

import click

from billing.app import App, opened_app
from billing.commands.display import complain, progress_bars, say
from billing.commands.options import (
    CLEAN,
    FAILED,
    acting,
    common_options,
    show_json,
)
from billing.commands.results import (
    after_all_sentence,
    sync_complaints,
    sync_sentence,
)
from billing.commands.sync_orders import (
    OrderKind,
    SyncOrder,
    carry_out,
    order_options,
)
from billing.documents import sync_document
from billing.pipeline.integrity import require_invariants
from billing.pipeline.sync.operator_actions import (
    Retried,
    RetryOrder,
    retry_rejected,
    void_events,
    voidable_events,
)
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
@order_options
@common_options
def sync(
    *, settings_file: Path, as_json: bool, at_once: bool, order: SyncOrder | None
) -> int:
    """Report to the Stripe meter what the ledger holds and the meter does not.

    Hours that are over are reported, each customer's as one event. Ends with 0 when all
    of it was counted, and with 1 when something was not; the next sync goes on.
    """
    kind = order and order.kind
    if order and kind in {OrderKind.HOLD, OrderKind.RELEASE}:
        document, sentence = carry_out(settings_file, order)
        return _show(document, sentence, as_json=as_json)
    settle = kind is OrderKind.SETTLE
    with opened_app(settings_file, actor=ACTOR) as app, app.exclusive():
        if order and kind is OrderKind.VOID:
            document, sentence = _void(app, order)
            return _show(document, sentence, as_json=as_json)
        if not settle:
            require_invariants(app.ledger, app.clock.now())
        freed = _retry(app, order) if order and kind is OrderKind.RETRY else None
        report = _sync(app, at_once=at_once, settle_only=settle)
    document, sentence = sync_document(report), sync_sentence(report)
    if freed is not None:
        document |= {"retried": freed.freed, "counted_after_all": list(freed.shown)}
        events = counted(freed.freed, "refused event")
        sentence = f"{events} to be sent anew. {sentence}"
    _show(document, sentence, as_json=as_json)
    shown = freed.shown if freed else ()
    if not as_json:
        for complaint in [*map(after_all_sentence, shown), *sync_complaints(report)]:
            complain(f"pamela-billing: {complaint}")
    return CLEAN if report.clean and not shown else FAILED


def _void(app: App, order: SyncOrder) -> tuple[dict[str, object], str]:
    """Give up the events that an order names, all or none."""
    who, now = acting("sync"), app.clock.now()
    names = order.events or voidable_events(app.ledger, str(order.customer))
    void_events(app.ledger, who, now, names, order.reason)
    if len(names) == 1:
        return {"voided": names[0]}, f"{names[0]} is given up."
    return {"voided": list(names)}, f"{len(names):,} events are given up."


def _retry(app: App, order: SyncOrder) -> Retried:
    """Free the refused events that an order means, unless the meter shows them."""
    which = RetryOrder(order.reason, order.customer, order.events)
    who, now = acting("sync"), app.clock.now()
    return retry_rejected(app.ledger, app.meter, who, now, which)


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
