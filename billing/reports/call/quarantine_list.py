"""The quarantine list: calls that wait for a person, and what was decided of others."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from billing.domain.call import DECIDED
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.pull.accounts import present_labels
from billing.ledger.pull.call_decisions import Decision, decisions
from billing.ledger.pull.unclear_calls import UnclearCall, evidence_of, unclear_calls
from billing.reports.sheets.formatting import Document, format_time

HEADINGS = ["call", "account", "month", "since", "why", "decided"]
WAITS = "waits"


class QuarantineLine(NamedTuple):
    """A call that its source leaves unclear, and what a person said of it."""

    call_id: str
    account: str
    period: str
    since: datetime
    reason: str
    detail: str
    decision: Decision | None

    @property
    def state(self) -> str:
        """Whether it waits for a person, or was decided."""
        return WAITS if self.decision is None else DECIDED

    @property
    def why(self) -> str:
        """Why it is unclear, or what its decision rests on."""
        return evidence_of(self.reason, self.detail)


def read_quarantine(
    ledger: Ledger, now: datetime, period: BillingPeriod | None
) -> list[QuarantineLine]:
    """Return what waits, and what was decided and holds, of a month or of all."""
    with ledger.reading() as connection:
        unclear = unclear_calls(connection, now, period=period)
        held = decisions(connection, in_force=True)
        labels = present_labels(connection)
    by_call = {(each.account, each.call_id): each for each in held}
    lines = [_line(each, by_call) for each in unclear]
    listed = {(each.account, each.call_id) for each in unclear}
    lines += [
        QuarantineLine(
            call_id=each.call_id,
            account=each.account,
            period=each.period,
            since=each.at,
            reason=DECIDED,
            detail=each.evidence,
            decision=each,
        )
        for each in held
        if (each.account, each.call_id) not in listed
        and (period is None or each.period == str(period))
    ]
    return [
        line._replace(account=labels.get(line.account, line.account)) for line in lines
    ]


def _line(
    unclear: UnclearCall, by_call: dict[tuple[str, str], Decision]
) -> QuarantineLine:
    decision = by_call.get((unclear.account, unclear.call_id))
    covers = decision is not None and (
        unclear.number is not None and unclear.number <= (decision.quarantine_id or 0)
    )
    return QuarantineLine(
        call_id=unclear.call_id,
        account=unclear.account,
        period=unclear.period,
        since=unclear.seen_at,
        reason=unclear.reason,
        detail=unclear.detail,
        decision=decision if covers else None,
    )


def quarantine_lines(lines: Sequence[QuarantineLine]) -> list[list[str]]:
    """Return them under HEADINGS."""
    return [
        [
            line.call_id,
            line.account,
            line.period,
            format_time(line.since) or "",
            line.why,
            "no: it waits" if line.decision is None else _said(line.decision),
        ]
        for line in lines
    ]


def _said(decision: Decision) -> str:
    billed = "not billed"
    if decision.seconds is not None:
        billed = f"{decision.seconds:,} s for {decision.customer}"
    who = f"{decision.actor} at {format_time(decision.at)}"
    return f"{billed}, by {who}: {decision.reason}"


def line_document(line: QuarantineLine) -> Document:
    """Return a line with stable names."""
    return {
        "call": line.call_id,
        "account": line.account,
        "period": line.period,
        "since": format_time(line.since),
        "reason": line.reason,
        "detail": line.detail,
        "state": line.state,
        "decision": line.decision and decision_document(line.decision),
    }


def decision_document(decision: Decision) -> Document:
    """Return a decision with stable names."""
    return {
        "call": decision.call_id,
        "account": decision.account,
        "revision": decision.revision,
        "period": decision.period,
        "billable": decision.seconds is not None,
        "seconds": decision.seconds,
        "started_at": format_time(decision.started_at),
        "customer": decision.customer,
        "decided_at": format_time(decision.at),
        "decided_by": decision.actor,
        "reason": decision.reason,
        "evidence": decision.evidence,
        "in_force": decision.in_force,
    }
