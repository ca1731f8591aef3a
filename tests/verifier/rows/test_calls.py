"""Every revision of a call is rated again, and its rows come to just that."""

import sqlite3

import pytest

from billing.verifier.call_history import read_calls, read_decisions, read_one_call
from billing.verifier.calls import Rating
from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.prices import PriceList
from billing.verifier.workspace import open_workspace

NOON, HOUR = "2026-03-10T12:00:30+00:00", "2026-03-10T12:00:00+00:00"
PRICE = "INSERT INTO price VALUES (1, '2026-01-01T00:00:00+00:00', '0.1234567', 'usd');"
CALL = f"""
INSERT INTO call VALUES (1, 'main', 'c', 1, '2026-03', 'completed', '{NOON}', 300,
  'acme', NULL, 'x', 1);
"""
ROW = f"""
INSERT INTO b2b_usage VALUES (1, 'api_usage', 'main', 'acme', 'c', 1, '2026-03',
  '{HOUR}', '{HOUR}', 5, 617284, 'usd', 1, NULL, 1, 'at');
"""
# In a later revision the source dates the call before the first month of all.
DATED_BACK = """
INSERT INTO call VALUES (2, 'main', 'c', 2, '2026-02', 'completed',
  '2026-02-28T23:00:00+00:00', 300, 'acme', 'before_first_period', 'y', 1);
"""
UNDONE = f"""
INSERT INTO b2b_usage VALUES (2, 'adjustment', 'main', 'acme', 'c', 2, '2026-03',
  '{HOUR}', '{HOUR}', -5, -617284, 'usd', NULL, 1, 1, 'at');
"""
# A third revision, of later, that says the same as the first one.
BACK_AGAIN = f"""
INSERT INTO call VALUES (3, 'main', 'c', 3, '2026-03', 'completed', '{NOON}', 300,
  'acme', NULL, 'z', 1);
INSERT INTO b2b_usage VALUES (3, 'adjustment', 'main', 'acme', 'c', 3, '2026-03',
  '{HOUR}', '{HOUR}', 5, 617284, 'usd', 1, 1, 1, 'at');
"""


def check(*statements: str, closed: tuple[str, ...] = ()) -> None:
    """Rate the call `c` again, after some statements."""
    with open_workspace() as work:
        for script in (PRICE, *statements):
            work.executescript(script)
        rating = Rating(PriceList(work), Months(None), closed, read_decisions(work))
        rating.check(*read_one_call(work, "c"))


@pytest.mark.parametrize(
    "statements",
    [
        (CALL, ROW),
        (CALL, ROW, DATED_BACK, UNDONE),
        (CALL, ROW, DATED_BACK, UNDONE, BACK_AGAIN),
        # Without a row: nothing is due for what never began, or goes on.
        (CALL, "UPDATE call SET started_at = NULL"),
        (CALL, "UPDATE call SET status = 'in-progress'"),
    ],
)
def test_a_call_comes_to_what_its_rows_hold(statements: tuple[str, ...]) -> None:
    check(*statements)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize(
    ("seconds", "minutes", "amount"),
    [(0, 1, 123457), (1, 1, 123457), (60, 1, 123457), (61, 2, 246913), (59, 1, 123457)],
)
def test_each_begun_minute_is_billed_and_one_at_least(
    status: str, seconds: int, minutes: int, amount: int
) -> None:
    check(
        CALL,
        ROW,
        f"UPDATE call SET duration_seconds = {seconds}, status = '{status}'",
        f"UPDATE b2b_usage SET billed_minutes = {minutes}, amount_micro = {amount}",
    )


BEFORE = "it is said to be before the first month, and is not"
# The second revision stands elsewhere than in the month before.
IN_ITS_MONTH, IN_THE_NEXT = (
    f"UPDATE call SET period = '{month}', started_at = '{month}-01T00:00:00+00:00' "
    "WHERE id = 2"
    for month in ("2026-03", "2026-04")
)
FIRST_OF_ALL = DATED_BACK.replace("(2, 'main', 'c', 2", "(1, 'main', 'c', 1")
LATER_ALL_THE_SAME = f"""
INSERT INTO call VALUES (2, 'main', 'c', 2, '2026-03', 'completed', '{NOON}', 300,
  'acme', NULL, 'z', 1);
"""
FAULTS: list[tuple[tuple[str, ...], str]] = [
    # The first revision of all was in no later month.
    ((CALL, "UPDATE call SET not_billable = 'before_first_period'"), BEFORE),
    # In the same month, or a later one, nothing is dated back.
    ((CALL, ROW, DATED_BACK, UNDONE, IN_ITS_MONTH), BEFORE),
    ((CALL, ROW, DATED_BACK, UNDONE, IN_THE_NEXT), BEFORE),
    # What came after it is none of what was till then.
    ((FIRST_OF_ALL, LATER_ALL_THE_SAME), BEFORE),
    ((CALL,), "it is rated at 5 minutes and 617284 micro-units for 'acme'"),
    ((CALL, ROW, DATED_BACK), "it is rated at 0 minutes and 0 micro-units"),
    ((CALL, ROW, "UPDATE b2b_usage SET call_revision = 2"), "it is rated at 5"),
    (
        (CALL, ROW, ROW.replace("(1, 'api", "(2, 'api").replace("'c', 1", "'c', 2")),
        "it corrects nothing, no earlier row of its call",
    ),
    (
        (CALL, ROW, UNDONE, "UPDATE b2b_usage SET call_revision = 3 WHERE id = 2"),
        "tables/b2b_usage.jsonl, row 2: it bills revision 3, not there",
    ),
    (
        (CALL, ROW, UNDONE, "UPDATE b2b_usage SET corrects = 2 WHERE id = 2"),
        "it corrects row 2, no earlier row of its call",
    ),
    ((CALL, ROW, "UPDATE call SET revision = 2"), "it is revision 2, not 1"),
    ((CALL, ROW, "UPDATE call SET duration_seconds = -1"), "it is billable, and has"),
    ((CALL, ROW, "UPDATE call SET duration_seconds = NULL"), "it is billable, and"),
    ((CALL, ROW, "UPDATE call SET customer = NULL"), "it is billable, and has no"),
    (
        (CALL, ROW, "UPDATE price SET effective_from = '2026-04-01T00:00:00+00:00'"),
        "it is billable, and has no length, customer or price",
    ),
    ((CALL, ROW, "UPDATE call SET period = '2026-04'"), "another month than it began"),
    ((CALL, ROW, f"UPDATE call SET started_at = '{NOON}x'"), "no moment in UTC"),
    ((CALL, ROW, "UPDATE b2b_usage SET price_id = NULL"), "its price is not the one"),
    ((CALL, ROW, "UPDATE b2b_usage SET currency = 'eur'"), "its currency is not that"),
    ((CALL, ROW, "UPDATE b2b_usage SET type = 'adjustment'"), "it is no 'adjustment'"),
    (
        (CALL, ROW, DATED_BACK, UNDONE.replace("'adjustment'", "'api_usage'")),
        "it is no 'api_usage'",
    ),
    ((CALL, ROW, "UPDATE b2b_usage SET period = '2026-04'"), "the month of its hour"),
    (
        (CALL, ROW, f"UPDATE b2b_usage SET hour = '{NOON}'"),
        "it does not stand in the month of its hour",
    ),
    ((CALL, ROW, "UPDATE b2b_usage SET customer = 'globex'"), "it is rated at"),
]


@pytest.mark.parametrize(("statements", "words"), FAULTS)
def test_a_row_or_a_call_that_is_not_so_is_named(
    statements: tuple[str, ...], words: str
) -> None:
    with pytest.raises(BadRecord) as raised:
        check(*statements)
    assert words in str(raised.value)


CARRIED = (
    "UPDATE b2b_usage SET type = 'adjustment', period = '2026-04', "
    "hour = '2026-04-02T09:00:00+00:00'"
)


def test_what_comes_late_stands_in_a_later_month_only_once_its_own_is_closed() -> None:
    check(CALL, ROW, CARRIED, closed=("2026-03",))
    with pytest.raises(BadRecord, match="it stands in 2026-04, and 2026-03 was open"):
        check(CALL, ROW, CARRIED)
    earlier = CARRIED.replace("2026-04", "2026-02")
    with pytest.raises(BadRecord, match="it stands in 2026-02, and 2026-03 was open"):
        check(CALL, ROW, earlier, closed=("2026-03",))


def test_a_month_that_is_not_looked_at_may_have_been_closed() -> None:
    with open_workspace() as work:
        for script in (PRICE, CALL, ROW, CARRIED):
            work.executescript(script)
        rating = Rating(PriceList(work), Months("2026-04"), (), {})
        rating.check(*read_one_call(work, "c"))


@pytest.mark.parametrize(
    ("month", "concerned"), [("2026-03", True), ("2026-04", True), ("2026-05", False)]
)
def test_a_call_is_looked_at_for_its_own_month_and_for_those_of_its_rows(
    month: str, concerned: bool
) -> None:
    with open_workspace() as work:
        for script in (PRICE, CALL, ROW, CARRIED):
            work.executescript(script)
        rating = Rating(PriceList(work), Months(month), (), {})
        assert rating.concerns(*read_one_call(work, "c")) is concerned


def named(work: sqlite3.Connection) -> list[tuple[list[int], list[int]]]:
    return [
        ([revision.id for revision in revisions], [row.id for row in rows])
        for revisions, rows in read_calls(work)
    ]


def test_calls_come_with_their_rows_in_the_order_of_bytes() -> None:
    """Of a call without rows, and of rows without a call, nothing is passed over."""
    with open_workspace() as work:
        for script, names in (
            (CALL, ["z", "é", "a", "\U0001f600", "\uffee"]),
            (ROW, ["é", "b", "\uffee", "zz"]),
        ):
            for number, name in enumerate(names, start=1):
                own = script.replace("(1, ", f"({number}, ").replace("'c'", f"'{name}'")
                work.executescript(own)
        assert named(work) == [
            ([3], []),  # a
            ([], [2]),  # b
            ([1], []),  # z
            ([], [4]),  # zz
            ([2], [1]),  # é
            ([5], [3]),
            ([4], []),  # beyond 16 bits, and so behind the one before
        ]
