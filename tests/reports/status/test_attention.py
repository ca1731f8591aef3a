"""What waits for a person says what to do, and where proof is awaited, since when."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.ledger.audit import audit_log
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync.attempts import Answered, record_answers
from billing.reports.status.attention import waiting_for_a_person
from billing.reports.status.deadlines import read_deadlines
from billing.reports.status.periods import read_status
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    MARCH,
    reading,
    record,
    register,
    stage,
    unsynced,
)
from tests.ledger.filling import attempt_of

NOW = ACTOR.at
PROVABLE = (
    "each run reads what became of it; that it does not count can be proved from "
    "2026-03-12T14:30:00Z on"
)


def fail(ledger: Ledger, reason: str) -> None:
    """Let the one event be sent without an answer, and fail for a reason."""
    register(ledger)
    record(ledger, reading())
    stage(ledger)
    [event] = unsynced(ledger)
    with ledger.writing() as connection:
        attempt_of(connection, event)
        said = SendAnswer(SendVerdict.UNKNOWN, None, "req_1")
        record_answers(connection, [Answered(event, said, NOW)])
        audit_log.touch(connection, meter_event, [1])
        failed = {"state": "failed", "reason": reason}
        connection.execute(update(meter_event).values(failed))


@pytest.mark.parametrize(
    ("reason", "violated", "remedy"),
    [
        (
            "uncertain",
            False,
            PROVABLE,
        ),
        (
            "rejected",
            False,
            "fix what Stripe names, then `pamela-billing sync --retry --reason TEXT`",
        ),
        ("uncertain", True, "nothing is sent until `pamela-billing db check` passes"),
        ("rejected", True, "nothing is sent until `pamela-billing db check` passes"),
    ],
)
def test_what_failed_says_what_to_do_or_from_when_on_proof_is_possible(
    ledger: Ledger, reason: str, violated: bool, remedy: str
) -> None:
    fail(ledger, reason)
    now = NOW + timedelta(minutes=5)
    deadlines = read_deadlines(ledger, now, HOUR)
    months = read_status(ledger, [MARCH])
    sentences = waiting_for_a_person(ledger, months, deadlines, now, violated=violated)
    assert sentences == [f"2026-03: 1 row {reason}: {remedy}"]
