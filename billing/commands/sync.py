"""`sync`: bring the Stripe meter level with the ledger."""

from pathlib import Path

import click

from billing.app import opened_app
from billing.commands.display import complain, progress_bars, say
from billing.commands.options import CLEAN, FAILED, common_options, show_json
from billing.commands.results import sync_complaints, sync_document, sync_sentence
from billing.pipeline.sync import sync_meter


@click.command()
@click.option("--now", "at_once", is_flag=True, help="Report the present hour too.")
@common_options
def sync(settings_file: Path, as_json: bool, at_once: bool) -> int:
    """Report to the Stripe meter what the ledger holds and the meter does not."""
    with opened_app(settings_file, actor="pamela-billing sync") as app, app.sole():
        terms = app.sync_terms(at_once=at_once)
        with progress_bars() as watch:
            report = sync_meter(app.ledger, app.meter, terms, progress=watch("sync"))
    if as_json:
        show_json(sync_document(report))
    else:
        say(sync_sentence(report))
        for sentence in sync_complaints(report):
            complain(f"pamela-billing: {sentence}")
    return CLEAN if report.clean else FAILED
