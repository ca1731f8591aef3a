"""Decisions as tests make them: a person says what a call comes to."""

from datetime import datetime

from billing.domain.period import EARLIEST
from billing.ledger.database import Ledger
from billing.pipeline.pull.decide_call import (
    DecisionOrder,
    DecisionReport,
    decide_call,
)
from tests.ledger.bookkeeping import ACTOR, NOON


def decide(
    ledger: Ledger, call_id: str, seconds: int | None, at: datetime = ACTOR.at
) -> DecisionReport:
    """Say what a call comes to: so many seconds from noon, or None: nothing."""
    order = DecisionOrder(
        call_id=call_id,
        seconds=seconds,
        reason="why",
        started_at=None if seconds is None else NOON,
    )
    return decide_call(ledger, ACTOR.name, at, order, first_period=EARLIEST)
