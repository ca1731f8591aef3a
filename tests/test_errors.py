"""Errors write their own sentences, which stay short however much there is to name."""

import pytest

from billing.errors import AlteredRows, InvariantViolated, UncoveredRows

ROWS = [f"row {number}" for number in range(1, 1_008)]


@pytest.mark.parametrize(
    ("named", "listed"),
    [
        (1, "row 1)"),
        (5, "row 1, row 2, row 3, row 4, row 5)"),
        (6, "row 1, row 2, row 3, row 4, row 5 and 1 more)"),
        (1_007, "row 1, row 2, row 3, row 4, row 5 and 1,002 more)"),
    ],
)
def test_a_refusal_names_at_most_five_rows_and_how_many_more(
    named: int, listed: str
) -> None:
    rows = ROWS[:named]
    for fault in (
        InvariantViolated({"audit trail": rows}),
        UncoveredRows(rows),
        AlteredRows(rows),
    ):
        assert f"(audit trail: {listed}; run" in str(fault)
