"""What a person decided of a call is billed just so, and only with the decision."""

import pytest

from billing.verifier.call_history import read_decisions, read_one_call
from billing.verifier.calls import Rating
from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.prices import PriceList
from billing.verifier.workspace import open_workspace

NOON = "2026-03-10T12:00:00+00:00"
WHOLE = f"""
INSERT INTO price VALUES (1, '2026-01-01T00:00:00+00:00', '0.10', 'usd');
INSERT INTO call VALUES (1, 'main', 'c', 1, '2026-03', 'decided', '{NOON}', 300,
  'acme', NULL, 'x', 1);
INSERT INTO call VALUES (2, 'main', 'c', 2, '2026-03', 'decided', NULL, NULL, NULL,
  'by_decision', 'y', 1);
INSERT INTO call_decision VALUES (1, 'main', 'c', 1, 300, 'e', 'at', 'kim', 'why');
INSERT INTO call_decision VALUES (2, 'main', 'c', 2, NULL, 'e', 'at', 'kim', 'why');
INSERT INTO b2b_usage VALUES (1, 'api_usage', 'main', 'acme', 'c', 1, '2026-03',
  '{NOON}', '{NOON}', 5, 500000, 'usd', 1, NULL, 1, 'at');
INSERT INTO b2b_usage VALUES (2, 'adjustment', 'main', 'acme', 'c', 2, '2026-03',
  '{NOON}', '{NOON}', -5, -500000, 'usd', NULL, 1, 1, 'at');
"""


def check(change: str = "") -> None:
    """Rate the call again, after a change."""
    with open_workspace() as work:
        work.executescript(WHOLE + change)
        rating = Rating(PriceList(work), Months(None), [], read_decisions(work))
        rating.check(*read_one_call(work, "c"))


def test_what_was_decided_and_undone_is_rated_again() -> None:
    check()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM call_decision WHERE revision = 1", "no decision is there"),
        ("DELETE FROM call_decision WHERE revision = 2", "no decision is there"),
        ("UPDATE call_decision SET account = 'other'", "no decision is there"),
        ("UPDATE call_decision SET seconds = 600 WHERE id = 1", "of another length"),
        ("UPDATE call_decision SET seconds = NULL WHERE id = 1", "of another length"),
        ("UPDATE call_decision SET seconds = 5 WHERE id = 2", "of another length"),
        ("UPDATE call_decision SET revision = 3 WHERE id = 2", "no decision is there"),
        (
            "INSERT INTO call_decision VALUES (3, 'main', 'c', 3, 1, '', '', 'k', 'w')",
            "revision 3 of call 'c' is decided, and is none of a person's",
        ),
        ("UPDATE call SET status = 'completed' WHERE id = 1", "none of a person's"),
        ("UPDATE call SET duration_seconds = 600 WHERE id = 1", "of another length"),
        ("UPDATE call SET started_at = NULL WHERE id = 1", "billed, or not, other"),
        ("UPDATE b2b_usage SET billed_minutes = 6 WHERE id = 1", "it is rated at"),
    ],
)
def test_what_is_not_as_it_was_decided_is_found(change: str, words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        check(change)
