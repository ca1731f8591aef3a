"""`db erase`: forget what calls said under a key that could name a person."""

from datetime import timedelta
from pathlib import Path

import click

from billing.commands.display import say
from billing.commands.options import CLEAN, WORDS, common_options, person, show_json
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.pipeline.pull.metadata_retention import ErasurePart, erase_metadata


@click.command()
@click.option(
    "--key", required=True, metavar="KEY", help="The key of the calls' metadata."
)
@click.option(
    "--customer",
    metavar="NAME",
    help="Only of this customer's calls [default: of all].",
)
@click.option(
    "--call", "call_id", metavar="ID", help="Only of this call [default: of all]."
)
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(0, 36_500),
    metavar="DAYS",
    help="Only of calls that began so many days ago, or earlier [default: of all].",
)
@click.option(
    "--reason", type=WORDS, default="", help="Why; required, kept in the audit trail."
)
@common_options
def erase(
    *,
    settings_file: Path,
    as_json: bool,
    key: str,
    customer: str | None,
    call_id: str | None,
    days: int | None,
    reason: str,
) -> int:
    """Erase for good what calls say under KEY; no later pull brings it back.

    What is billed does not change. The audit trail keeps who erased how many values,
    and why, but none of the values.
    """
    if len([part for part in (customer, call_id, days) if part is not None]) > 1:
        raise BadInput("give one of --customer, --call and --older-than")
    with opened_ledger(settings_file) as books:
        who = f"{person()}, pamela-billing db erase"
        age = None if days is None else timedelta(days=days)
        part = ErasurePart(key, customer, call_id, age)
        erased = erase_metadata(books.ledger, who, books.now, part, reason)
    if as_json:
        show_json({"key": key, "erased": erased})
    else:
        say(f"{erased:,} values of {key} are erased for good.")
    return CLEAN
