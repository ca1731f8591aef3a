"""`adopt`: take over a meter that another program has fed."""

from pathlib import Path

import click

from billing.app import App, opened_app
from billing.commands.adopt.order import AdoptOrder, order_options
from billing.commands.adopt.outcome import (
    CUT_OVER_HEADINGS,
    cut_over_document,
    cut_over_lines,
    cut_over_sentences,
    decided_document,
    decided_sentence,
)
from billing.commands.display import say, show_table
from billing.commands.options import (
    CLEAN,
    FAILED,
    acting,
    common_options,
    show_json,
)
from billing.errors import UnknownName
from billing.pipeline.adopt.cut_over import CutOverOptions, adopt_meter
from billing.pipeline.adopt.decide import (
    DifferenceChoice,
    decide_difference,
    undo_adoption,
)
from billing.pipeline.integrity import require_invariants
from billing.pipeline.sync.context import Negative
from billing.reports.sheets.formatting import Document


@click.command()
@order_options
@common_options
def adopt(*, settings_file: Path, as_json: bool, order: AdoptOrder) -> int:
    """Take over a meter that another program has fed, from an hour on.

    What is in flight has to arrive first: the meter is read twice, a day apart, unless
    you state that the other program was stopped. Ends with 1 while that waits, and with
    2 when the meter cannot be taken over from that hour.
    """
    with opened_app(settings_file, actor=acting("adopt")) as app, app.exclusive():
        require_invariants(app.ledger, app.clock.now())
        if order.from_hour is not None:
            return _cut_over(app, order, as_json=as_json)
        document, sentence = _undo(app, order) if order.undo else _decide(app, order)
    if as_json:
        show_json(document)
    else:
        say(sentence)
    return CLEAN


def _cut_over(app: App, order: AdoptOrder, *, as_json: bool) -> int:
    hour = order.from_hour
    assert hour is not None  # noqa: S101 # who calls this has looked
    options = CutOverOptions(
        from_hour=hour,
        first_period=app.settings.first_period,
        livemode=app.livemode,
        clock=app.clock,
        actor=acting("adopt"),
        reason=order.reason,
        stopped_at=order.stopped_at,
        sole_reporter=order.sole_reporter,
    )
    names = app.stripe_customers
    if order.customer is not None:
        customer = _named(app, order.customer)
        names = {customer: names[customer]}
    results = adopt_meter(app.ledger, app.meter, options, names)
    if as_json:
        show_json(cut_over_document(hour, results, dry_run=order.dry_run))
    else:
        show_table(CUT_OVER_HEADINGS, cut_over_lines(results))
        for sentence in cut_over_sentences(hour, results):
            say(sentence)
    return CLEAN if all(result.is_done for result in results) else FAILED


def _undo(app: App, order: AdoptOrder) -> tuple[Document, str]:
    customer = _named(app, order.customer or "")
    who, now = acting("adopt"), app.clock.now()
    adopted = undo_adoption(app.ledger, who, now, customer, order.reason or "")
    hour = f"{adopted.from_hour:%Y-%m-%dT%H:%MZ}"
    return {"undone": customer, "from": hour}, (
        f"The cut-over of {customer} from {hour} is undone: what stands at the meter "
        "is not ours, and stops its sending."
    )


def _decide(app: App, order: AdoptOrder) -> tuple[Document, str]:
    customer, choice = _named(app, order.customer or ""), order.difference or ""
    decided = decide_difference(
        app.ledger,
        acting("adopt"),
        app.clock.now(),
        customer,
        DifferenceChoice(choice),
        reason=order.reason or "",
        negative=Negative(app.settings.stripe.negative),
    )
    document = decided_document(customer, choice, decided)
    return document, decided_sentence(customer, decided)


def _named(app: App, customer: str) -> str:
    names = app.stripe_customers
    if customer not in names:
        raise UnknownName("customer", customer, names, "the settings name")
    return customer
