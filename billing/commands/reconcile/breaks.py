"""`breaks`: what differs, since when; and that somebody knows of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from billing.commands.display import say, show_table
from billing.commands.options import CLEAN, WORDS, common_options, person, show_json
from billing.commands.reconcile.break_options import (
    ALL,
    BreakNumbers,
    BreakNumbersType,
    InCommon,
    in_common_options,
)
from billing.errors import BadInput
from billing.offline import OfflineLedger, opened_ledger
from billing.pipeline.reconcile.acknowledge import acknowledge_breaks
from billing.reports.reconciliation.breaks import (
    HEADINGS,
    Case,
    CaseFilter,
    break_document,
    break_lines,
    read_breaks,
)


@click.command()
@in_common_options
@click.option(
    "--calls",
    "shown",
    type=click.IntRange(1),
    metavar="N",
    help="List every call of break N, one a line.",
)
@click.option(
    "--acknowledge",
    "chosen",
    type=BreakNumbersType(),
    help="Say that you know of these breaks, and leave them: 3 or 3,5-9; or all that "
    "have in common what you name: all.",
)
@click.option(
    "--reason", type=WORDS, default="", help="Why, with --acknowledge; it is audited."
)
@common_options
def breaks(
    *,
    settings_file: Path,
    as_json: bool,
    common: InCommon,
    shown: int | None,
    chosen: BreakNumbers | None,
    reason: str,
) -> int:
    """List the breaks that are open, of one month or of all.

    Each was found by a reconciliation, and is resolved by the first that finds it no
    more. What waits for the next hours is overdue after a day.
    """
    if reason and chosen is None:
        raise BadInput("--reason belongs to --acknowledge")
    if shown is not None and chosen is not None:
        raise BadInput("give one of --calls and --acknowledge")
    with opened_ledger(settings_file) as opened:
        if shown is not None:
            _show_calls(opened, shown, as_json=as_json)
        elif chosen is not None:
            numbers = _listed(opened, common) if chosen == ALL else chosen
            _acknowledge(opened, numbers, reason, as_json=as_json)
        else:
            _list(opened, common, as_json=as_json)
    return CLEAN


def _list(opened: OfflineLedger, common: InCommon, *, as_json: bool) -> None:
    cases = read_breaks(opened.ledger, common.filter_at(opened.now))

    def show() -> None:
        if cases:
            show_table(HEADINGS, break_lines(cases, _currency(opened), opened.now))
        else:
            say("There are no breaks." if common.resolved else "No break is open.")

    _tell(as_json, _documents(opened, cases), show)


def _show_calls(opened: OfflineLedger, number: int, *, as_json: bool) -> None:
    """List the calls that a break names, all of them."""
    found = read_breaks(opened.ledger, CaseFilter(numbers=[number], resolved=True))
    if not found:
        raise BadInput(
            f"there is no break {number}; `pamela-billing breaks` lists them"
        )
    [case] = found
    document = break_document(case, _currency(opened), opened.now)

    def show() -> None:
        for call_id in case.calls:
            say(call_id)
        if not case.calls:
            say(f"Break {number} names no call.")

    _tell(as_json, document, show)


def _acknowledge(
    opened: OfflineLedger, numbers: Sequence[int], reason: str, *, as_json: bool
) -> None:
    """Acknowledge breaks, all of them or none."""
    who = f"{person()}, pamela-billing breaks"
    known = acknowledge_breaks(opened.ledger, who, opened.now, numbers, reason)
    document = _documents(opened, known)
    if len(known) == 1:
        document |= break_document(known[0], _currency(opened), opened.now)
        sentence = f"Break {known[0].number} is acknowledged."
    else:
        sentence = f"{len(known):,} breaks are acknowledged."
    _tell(as_json, document, lambda: say(sentence))


def _listed(opened: OfflineLedger, common: InCommon) -> list[int]:
    """Return the breaks with something in common that nobody has acknowledged yet."""
    if common.is_all:
        raise BadInput(
            "say of what all are known: a period, --cause, --customer or --all-of RUN"
        )
    wanted = replace(common.filter_at(opened.now), resolved=False)
    cases = read_breaks(opened.ledger, wanted)
    numbers = [case.number for case in cases if case.acknowledged_at is None]
    if not numbers:
        raise BadInput(
            "no such break is open and not acknowledged; `pamela-billing breaks` lists "
            "what is open"
        )
    return numbers


def _documents(opened: OfflineLedger, cases: Sequence[Case]) -> dict[str, object]:
    currency, now = _currency(opened), opened.now
    return {"breaks": [break_document(case, currency, now) for case in cases]}


def _tell(
    as_json: bool, document: Mapping[str, object], show: Callable[[], None]
) -> None:
    show_json(document) if as_json else show()


def _currency(opened: OfflineLedger) -> str:
    return opened.settings.prices[0].currency
