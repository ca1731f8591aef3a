"""What a manifest sums up of its month is what the rows say."""

from collections.abc import Mapping
from typing import Any

import pytest

from billing.verifier.claims import Month, check_claims, read_month
from billing.verifier.findings import BadRecord
from billing.verifier.manifest import Manifest
from billing.verifier.workspace import open_workspace

ROWS = """
INSERT INTO b2b_usage (id, customer, period, billed_minutes, amount_micro, currency)
  VALUES (1, 'acme', '2026-03', 5, 50, 'usd'), (2, 'acme', '2026-03', 2, 20, 'usd'),
  (3, 'globex', '2026-03', 1, 10, 'usd'), (4, 'globex', '2026-03', 1, 9, 'eur'),
  (5, 'globex', '2026-04', 7, 70, 'usd');
INSERT INTO period_close VALUES ('2026-03', 'then', 'kim', 'd', NULL);
INSERT INTO reconciliation_run VALUES (1, '2026-03', 'early', 0, 0, 4, 4),
  (2, '2026-03', 'late', 1, 0, -1, 2), (3, '2026-04', 'other', 1, 1, 0, 0);
INSERT INTO reconciliation_reading VALUES (1, 1, 9, 9, 9, 9), (2, 2, 5, 6, 4, NULL),
  (3, 2, 2, 3, 1, 8);
INSERT INTO break_case (id, period, customer, cause, opened_at, acknowledged_by,
  reason, resolved_at) VALUES (1, '2026-03', 'acme', 'lost', 'then', NULL, NULL, NULL),
  (2, '2026-03', 'acme', 'known', 'then', 'kim', 'ours', NULL),
  (3, '2026-03', 'acme', 'over', 'then', NULL, NULL, 'now'),
  (4, '2026-04', 'acme', 'other', 'then', NULL, NULL, NULL);
INSERT INTO reconciliation_break VALUES (1, 1, -7, 0, 1), (2, 2, -3, 0, 1);
"""
RUN = {
    "run": 2,
    "at": "late",
    "settled": True,
    "complete": False,
    "pamela_minutes": 7,
    "ledger_minutes": 9,
    "stripe_minutes": 5,
    "invoiced_minutes": 8,
    "difference_minutes": -1,
    "breaks": 2,
}


def month_of(period: str = "2026-03", change: str = "") -> Month:
    with open_workspace() as work:
        work.executescript(ROWS + change)
        return read_month(work, period)


def test_a_month_is_what_its_rows_say() -> None:
    month = month_of()
    assert month.totals == [
        {"currency": "eur", "customers": 1, "rows": 1, "minutes": 1, "amount_micro": 9},
        {
            "currency": "usd",
            "customers": 2,
            "rows": 3,
            "minutes": 8,
            "amount_micro": 80,
        },
    ]
    assert month.close == {"closed_at": "then", "closed_by": "kim", "digest": "d"}
    assert month.reconciliation == RUN
    assert [item["case"] for item in month.unresolved] == [1, 2]
    assert [item["minutes"] for item in month.unresolved] == [-3, None]
    assert [item["case"] for item in month.open_items] == [1]


def test_a_month_without_anything_says_nothing() -> None:
    assert month_of("2026-01") == Month([], None, None, [])


def claimed(month: Month, **otherwise: Any) -> None:
    """Check a manifest that says what a month shows, but for some parts."""
    document: dict[str, Any] = {
        "chain": {"events": 3},
        "totals": month.totals,
        "close": month.close,
        "provisional": month.close is None,
        "reconciliation": month.reconciliation,
    } | otherwise
    manifest = Manifest(
        period="2026-03", key="", public_key="", files={}, document=document
    )
    check_claims(manifest, month, {"events": 3})


def without(name: str) -> Mapping[str, Any]:
    return {key: value for key, value in RUN.items() if key != name}


OTHER_RUN = "it names another last reconciliation than there is"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"chain": {"events": 4}}, "the chain has another end than it says"),
    ({"totals": []}, "its totals are not those of the rows"),
    ({"close": None}, "it names another close than the ledger has"),
    ({"provisional": True}, "a month is provisional just while it is not closed"),
    ({"reconciliation": None}, OTHER_RUN),
    *(
        (
            {"reconciliation": {**RUN, name: "x"}},
            f"its reconciliation has another {name} than the tables",
        )
        for name in RUN
    ),
    *(
        ({"reconciliation": without(name)}, f"its reconciliation has no {name}")
        for name in RUN
    ),
    (
        {"reconciliation": {**RUN, "more": 1}},
        "its reconciliation has another more than the tables",
    ),
    (
        {"reconciliation": {**RUN, "open_items": []}},
        "its reconciliation has another open_items than the tables",
    ),
]


@pytest.mark.parametrize(("otherwise", "words"), WRONG)
def test_a_claim_that_the_rows_do_not_bear_out_is_refused(
    otherwise: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRecord) as raised:
        claimed(month_of(), **otherwise)
    assert words in str(raised.value)


def test_what_is_claimed_is_what_is_there() -> None:
    month = month_of()
    claimed(month)
    claimed(month_of("2026-01"))
    # Earlier formats list what is not resolved, too.
    claimed(month, reconciliation={**RUN, "open_items": month.unresolved})


def test_a_reconciliation_that_never_was_is_not_claimed() -> None:
    with pytest.raises(BadRecord, match=OTHER_RUN):
        claimed(month_of("2026-01"), reconciliation=RUN)


def test_readings_that_are_missing_are_nothing() -> None:
    month = month_of(change="DELETE FROM reconciliation_reading;")
    nothing = dict.fromkeys(("pamela_minutes", "ledger_minutes", "stripe_minutes"), 0)
    assert month.reconciliation == {**RUN, **nothing, "invoiced_minutes": None}
