"""Giving up: which events a person may give up for good, by their state and minutes."""

from dataclasses import replace

import pytest

from billing.domain.meter_event import EventState, FailReason
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.sync import operator_actions
from billing.ledger.sync.outbox import OpenEvent
from tests.ledger.bookkeeping import ACTOR, rows, staged_event

STATE = "SELECT state, reason FROM meter_event"
WHY = "credited by hand"


def with_minutes(ledger: Ledger, minutes: int) -> OpenEvent:
    staged = staged_event(ledger)
    return replace(staged, event=replace(staged.event, minutes=minutes))


def test_what_waits_to_take_minutes_back_is_given_up(ledger: Ledger) -> None:
    waiting = with_minutes(ledger, -5)
    with ledger.writing() as connection:
        operator_actions.void(connection, ACTOR, waiting, WHY)
    assert rows(ledger, STATE) == [("failed", "voided")]
    audited = "SELECT reason FROM audit_event WHERE action = 'event.voided'"
    assert rows(ledger, audited) == [(WHY,)]


@pytest.mark.parametrize(
    ("minutes", "state", "reason", "is_perhaps_counted", "said"),
    [
        (5, EventState.PENDING, None, False, "is pending"),
        (5, EventState.PENDING, None, True, "is pending"),
        (-5, EventState.PENDING, None, True, "is pending"),
        (-5, EventState.SYNCED, None, False, "is synced"),
        (-5, EventState.FAILED, FailReason.CANCELLING, False, "is cancelling"),
        (-5, EventState.FAILED, FailReason.REPLACED, False, "is replaced"),
        (-5, EventState.FAILED, FailReason.VOIDED, False, "is voided"),
    ],
)
def test_what_may_be_sent_yet_or_is_done_is_not_given_up(
    ledger: Ledger,
    minutes: int,
    state: EventState,
    reason: FailReason | None,
    is_perhaps_counted: bool,
    said: str,
) -> None:
    event = replace(
        with_minutes(ledger, minutes),
        state=state,
        reason=reason,
        first_unknown_at=ACTOR.at if is_perhaps_counted else None,
    )
    with pytest.raises(BadInput, match=said), ledger.writing() as connection:
        operator_actions.void(connection, ACTOR, event, WHY)
    assert rows(ledger, STATE) == [("pending", None)]
