"""`quarantine`: calls that nobody can read, and what a person decides of them."""

from pathlib import Path
from typing import Any

import click

from billing.commands.display import say, show_table
from billing.commands.options import (
    CLEAN,
    PERIOD,
    PERIOD_HELP,
    MomentType,
    acting,
    common_options,
    show_json,
)
from billing.domain.period import Month
from billing.errors import BadInput
from billing.offline import OfflineLedger, opened_ledger
from billing.pipeline.pull.decide_call import (
    DecisionOrder,
    DecisionReport,
    decide_call,
)
from billing.reports.call.quarantine_list import (
    HEADINGS,
    decision_document,
    line_document,
    quarantine_lines,
    read_quarantine,
)
from billing.reports.sheets.formatting import counted

_HOW = (
    "What waits is read again by each pull. If Pamela will not mend it, "
    "`pamela-billing quarantine --decide CALL` takes --seconds N or --not-billable, "
    "and --reason TEXT."
)


@click.command()
@click.argument(
    "period", type=PERIOD, required=False, help=f"{PERIOD_HELP} [default: all]."
)
@click.option(
    "--decide",
    "call_id",
    metavar="CALL",
    help="Say what this call comes to, in quarantine or underway for over a day.",
)
@click.option(
    "--seconds", type=int, metavar="N", help="With --decide: bill it, for so long."
)
@click.option(
    "--not-billable", is_flag=True, help="With --decide: do not bill it, or no more."
)
@click.option("--reason", default="", help="Why, with --decide; it is audited.")
@click.option(
    "--started-at",
    type=MomentType(),
    help="When it began, where its record does not tell.",
)
@click.option(
    "--customer", metavar="NAME", help="Who pays, where its record does not tell."
)
@click.option("--account", metavar="NAME", help="Whose call, if several have it.")
@common_options
def quarantine(
    *,
    settings_file: Path,
    as_json: bool,
    period: Month | None,
    call_id: str | None,
    not_billable: bool,
    **said: Any,
) -> int:
    """List the calls that nobody can read, or decide what one of them comes to.

    A decision holds until another one, or until Pamela says something that can be
    understood: then what Pamela says is billed, and the difference is corrected.
    """
    if call_id is None:
        if not_billable or any(value not in {None, ""} for value in said.values()):
            raise BadInput(
                "--seconds, --not-billable and what goes with them belong to --decide "
                "CALL"
            )
        with opened_ledger(settings_file) as opened:
            _list(opened, period, as_json=as_json)
        return CLEAN
    if period is not None:
        raise BadInput("give a PERIOD to list, or --decide CALL, not both")
    if not_billable is (said["seconds"] is not None):
        raise BadInput("say what the call comes to: --seconds N, or --not-billable")
    if not_billable and (said["started_at"] or said["customer"]):
        raise BadInput("--started-at and --customer belong to --seconds")
    order = DecisionOrder(call_id=call_id, **said)
    with opened_ledger(settings_file) as opened:
        report = decide_call(
            opened.ledger,
            acting("quarantine"),
            opened.now,
            order,
            first_period=opened.settings.first_period,
        )
    _show(report, as_json=as_json)
    return CLEAN


def _list(opened: OfflineLedger, month: Month | None, *, as_json: bool) -> None:
    period = None if month is None else opened.readable_period(month)
    lines = read_quarantine(opened.ledger, opened.now, period)
    if as_json:
        show_json({"calls": [line_document(line) for line in lines]})
        return
    if not lines:
        say("Nothing is in quarantine, and no call is underway for more than a day.")
        return
    show_table(HEADINGS, quarantine_lines(lines))
    if any(line.decision is None for line in lines):
        say(_HOW)


def _show(report: DecisionReport, *, as_json: bool) -> None:
    decision, before, after = report
    if as_json:
        gain = {"minutes_before": before.minutes, "minutes": after.minutes}
        show_json(decision_document(decision) | gain)
        return
    what = "is not billed"
    if decision.seconds is not None:
        what = f"is billed {counted(after.minutes, 'minute')} to {decision.customer}"
    change = counted(after.minutes - before.minutes, "minute", sign="+")
    say(f"Call {decision.call_id} {what}, as you decided: {change} against before.")
