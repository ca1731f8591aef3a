"""An opening in a bundle is what was decided: another's minutes, never sent by us."""

import sqlite3

import pytest

from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.meter import check_meter
from billing.verifier.workspace import open_workspace

EVENT = """
INSERT INTO meter_event VALUES (1, 'test-m-cus_a-20260310T12-0', 'acme', 'cus_a', 'm',
0, '2026-03', '2026-03-10T12:00:00+00:00', 0, '2026-03-10T12:00:00+00:00', 7, 70, 1,
'synced', NULL, 'counted by the opening', NULL, NULL)
"""
ROW = """
INSERT INTO b2b_usage
(id, customer, period, hour, billed_minutes, amount_micro, pull_id)
VALUES (1, 'acme', '2026-03', '2026-03-10T12:00:00+00:00', 5, 50, 1)
"""
ADOPTION = """
INSERT INTO adoption VALUES (1, 'cut_over', 'acme', 'cus_a', 'm', 0,
'2026-03-10T13:00:00+00:00')
"""
WHOLE = (
    EVENT,
    ROW,
    ADOPTION,
    "INSERT INTO pull VALUES (1)",
    "INSERT INTO carrier VALUES (1, 1)",
    "INSERT INTO bound VALUES (1, 1)",
    "INSERT INTO meter_opening VALUES (1, 1, 1, 7)",
)


def check(*changes: str) -> None:
    """Check the way to the meter, after some changes."""
    with open_workspace() as work:
        for statement in (*WHOLE, *changes):
            run(work, statement)
        check_meter(work, Months(None))


def run(work: sqlite3.Connection, statement: str) -> None:
    work.execute(statement)


def test_its_rows_may_come_to_other_minutes_than_stood_there() -> None:
    check()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM meter_opening", "it reports other minutes than its rows hold"),
        ("DELETE FROM adoption", "nothing shows that it was counted"),
        ("UPDATE adoption SET kind = 'undo'", "nothing shows that it was counted"),
        ("UPDATE adoption SET customer = 'globex'", "it is not what was decided"),
        ("UPDATE adoption SET stripe_customer = 'cus_b'", "it is not what was"),
        ("UPDATE adoption SET from_hour = '2026-03-10T12:00:00+00:00'", "it is not"),
        ("UPDATE adoption SET livemode = 1", "it is not what was decided"),
        ("UPDATE meter_opening SET minutes = 6", "it is not what was decided"),
        ("UPDATE adoption SET kind = 'send_difference'", "nothing shows that it was"),
        (
            "INSERT INTO meter_attempt VALUES (1, 1, 1, NULL, 'counted', 'event')",
            "it is not",
        ),
        ("UPDATE meter_event SET usage_rows = 2", "it reports other minutes"),
    ],
)
def test_what_is_not_as_it_was_decided_is_found(change: str, words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        check(change)
