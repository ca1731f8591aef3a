"""Ranges of rows: each is there whole, in its order, as its event recorded it."""

from hashlib import sha256

import pytest

from billing.verifier.covers import Months, RowRanges
from billing.verifier.findings import BadRecord
from billing.verifier.workspace import open_workspace

MARCH = "2026-03"


def line(number: int) -> bytes:
    return f"row {number}".encode()


def compare(numbers: list[int], *, whole: bool, period: str = MARCH) -> list[int]:
    """Compare rows with two ranges; returns which event covers each row.

    Event 5 covers the rows 1 and 2; event 9 covers 4 and 6, as 5 is of another month.
    """
    covered = []
    with open_workspace() as work:
        for rows, event in (((1, 2), 5), ((4, 6), 9)):
            digest = sha256(b"".join(line(row) + b"\n" for row in rows)).hexdigest()
            cover = ("call", period, rows[0], rows[-1], 2, digest, event)
            work.execute("INSERT INTO cover VALUES (?, ?, ?, ?, ?, ?, ?)", cover)
        ranges = RowRanges(work, "call", period, whole=whole)
        for number in numbers:
            # Row 60 is row 6, and says something else.
            ranges.add(6 if number == 60 else number, line(number))
            covered.append(ranges.sequence)
        ranges.finish()
    return covered


def test_a_range_is_there_whole_or_where_that_is_enough_not_at_all() -> None:
    assert compare([1, 2, 4, 6], whole=True) == [5, 5, 9, 9]
    assert compare([4, 6], whole=False) == [9, 9]
    assert compare([1, 2], whole=False) == [5, 5]
    assert compare([], whole=False) == []


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1, 2, 3], "row 3: no audit event covers it"),
        ([1, 2, 4, 6, 7], "row 7: no audit event covers it"),
        ([1, 2, 4, 6, 2**63 - 1], f"row {2**63 - 1}: no audit event covers it"),
        ([2, 1], "row 1: it is out of order, or there twice"),
        ([1, 1], "row 1: it is out of order, or there twice"),
        ([0], "row 0: it is out of order"),
        ([-1], "row -1: it is out of order"),
        ([2**63], f"row {2**63}: it is out of order"),
        ([1], "rows 1 to 2 of 2026-03: 1 rows are there, audit event 5 covers 2"),
        ([1, 2, 6], "rows 4 to 6 of 2026-03: 1 rows are there, audit event 9 covers 2"),
        ([1, 2, 4, 5, 6], "of 2026-03: 3 rows are there, audit event 9 covers 2"),
        ([1, 2, 4, 60], "they are not as audit event 9 recorded them"),
    ],
)
def test_rows_are_those_that_events_cover(
    numbers: list[int], words: str, whole: bool
) -> None:
    with pytest.raises(BadRecord) as raised:
        compare(numbers, whole=whole)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], "rows 1 to 2 of 2026-03: 0 rows are there, audit event 5 covers 2"),
        ([4, 6], "rows 1 to 2 of 2026-03: 0 rows are there, audit event 5 covers 2"),
        ([1, 2], "rows 4 to 6 of 2026-03: 0 rows are there, audit event 9 covers 2"),
    ],
)
def test_a_whole_month_misses_no_range(numbers: list[int], words: str) -> None:
    with pytest.raises(BadRecord) as raised:
        compare(numbers, whole=True)
    assert words in str(raised.value)


def test_rows_of_no_month_are_named_so() -> None:
    with pytest.raises(BadRecord, match="rows 1 to 2 of no month: 1 rows are there"):
        compare([1], whole=True, period="")


@pytest.mark.parametrize(
    ("month", "looked_at"),
    [(None, ["", MARCH, "2026-04"]), (MARCH, ["", MARCH]), ("2026-05", [""])],
)
def test_what_has_no_month_belongs_to_every_one(
    month: str | None, looked_at: list[str]
) -> None:
    months, periods = Months(month), ["", MARCH, "2026-04"]
    assert [period for period in periods if period in months] == looked_at
    with open_workspace() as work:
        table = " UNION ALL ".join(f"SELECT '{period}' AS p" for period in periods)
        query = f"SELECT p FROM ({table}) WHERE {months.condition('p')}"
        assert [period for (period,) in work.execute(query)] == looked_at
