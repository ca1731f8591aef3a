"""What a close froze is computed again: the digest of its rows, and its totals."""

import json
from hashlib import sha256
from typing import Any

import pytest

from billing.verifier.call_history import read_calls
from billing.verifier.closes import Closes
from billing.verifier.findings import BadRecord
from billing.verifier.prices import PriceList
from billing.verifier.workspace import open_workspace
from tests.verifier.paper import encode_line

HOUR = "2026-03-10T12:00:00+00:00"
ROWS = f"""
INSERT INTO price VALUES (1, '2026-01-01T00:00:00+00:00', '0.10', 'usd');
INSERT INTO price VALUES (2, '2026-02-01T00:00:00+00:00', '0.20', 'usd');
INSERT INTO call VALUES (1, 'main', 'c', 1, '2026-03', 'completed', '{HOUR}', 300,
  'acme', NULL, 'first', 1);
INSERT INTO call VALUES (2, 'main', 'c', 2, '2026-03', 'completed', '{HOUR}', 360,
  'acme', NULL, 'second', 1);
INSERT INTO b2b_usage VALUES (1, 'api_usage', 'main', 'acme', 'c', 1, '2026-03',
  '{HOUR}', '{HOUR}', 5, 1000000, 'usd', 2, NULL, 1, 'then');
INSERT INTO b2b_usage VALUES (2, 'adjustment', 'main', 'acme', 'c', 2, '2026-03',
  '{HOUR}', '{HOUR}', 1, 200000, 'usd', 2, 1, 1, 'later');
"""
SINCE = "2026-02-01T00:00:00+00:00"
FIRST: list[Any] = ["usage", "main", "c", 1, HOUR, "acme", "api_usage", HOUR]
SECOND: list[Any] = ["usage", "main", "c", 2, HOUR, "acme", "adjustment", HOUR]
LINES: list[list[Any]] = [
    ["pamela-billing close 1", "2026-03"],
    ["price", SINCE, "0.20", "usd"],
    [*FIRST, 5, 1000000, "usd", "then", SINCE, None, None, None, "first"],
    [*SECOND, 1, 200000, "usd", "later", SINCE, 1, HOUR, "acme", "second"],
    ["total", "acme", "usd", 2, 6, 1200000],
]
DIGEST = sha256(b"".join(encode_line(line) + b"\n" for line in LINES)).hexdigest()
TOTALS = {
    "customer": "acme",
    "currency": "usd",
    "rows": 2,
    "minutes": 6,
    "amount_micro": 1200000,
}


def compare(totals: str | None, digest: str = DIGEST, change: str = "") -> None:
    """Compare a close of March with the rows, after a change."""
    with open_workspace() as work:
        work.executescript(ROWS + change)
        close = "2026-03", "at", "kim", digest, totals
        work.execute("INSERT INTO period_close VALUES (?, ?, ?, ?, ?)", close)
        closes = Closes(work, PriceList(work))
        for revisions, rows in read_calls(work):
            closes.add(revisions, rows)
        closes.finish(["2026-03"])


@pytest.mark.parametrize("totals", [None, "", json.dumps({"customers": [TOTALS]})])
def test_a_month_is_as_it_was_frozen(totals: str | None) -> None:
    """The first closes named no totals."""
    compare(totals)


@pytest.mark.parametrize("name", TOTALS)
def test_each_part_of_the_totals_is_that_of_the_rows(name: str) -> None:
    other = {**TOTALS, name: "x"}
    with pytest.raises(BadRecord, match="its totals are not those of its rows"):
        compare(json.dumps({"customers": [other]}))


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        ("{}", "its totals are not those of its rows"),
        ('{"customers": []}', "its totals are not those of its rows"),
        (json.dumps({"customers": [TOTALS, TOTALS]}), "its totals are not those"),
        ("[]", "its totals are none"),
        ("hello", "its totals are none"),
        ("[" * 99_999, "its totals are none"),
    ],
)
def test_totals_that_are_none_are_one_sentence(totals: str, words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        compare(totals)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE b2b_usage SET posted_at = 'x' WHERE id = 1",
        "UPDATE b2b_usage SET corrects = NULL WHERE id = 2",
        "UPDATE b2b_usage SET call_hour = 'x' WHERE id = 1",
        "UPDATE call SET extract_sha256 = 'x' WHERE id = 2",
        "UPDATE price SET per_minute = '0.3' WHERE id = 2",
        "UPDATE b2b_usage SET price_id = 1 WHERE id = 2",
        "DELETE FROM b2b_usage WHERE id = 2",
    ],
)
def test_whatever_a_row_says_is_in_the_digest(change: str) -> None:
    with pytest.raises(BadRecord, match="another digest than the one it froze"):
        compare(None, change=change)


def test_a_price_that_no_row_names_is_not_in_the_digest() -> None:
    compare(None, change="UPDATE price SET per_minute = '0.3' WHERE id = 1")


def test_rows_of_another_month_are_not_in_the_digest() -> None:
    row = (
        "INSERT INTO b2b_usage SELECT 3, type, account, customer, call_id, "
        "call_revision, '2026-04', hour, call_hour, billed_minutes, amount_micro, "
        "currency, price_id, corrects, pull_id, posted_at FROM b2b_usage WHERE id = 2"
    )
    compare(None, change=row)
