"""DuckDB adds up a lake to the ledger's own figures, or refuses it in a sentence."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from pyarrow import parquet

from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.queries.usage_totals import KEYS, SPAN_KEYS, LedgerUsage
from billing.reports.lake.duckdb_usage import LakeUsage
from billing.reports.lake.layout import UnfitLake
from billing.reports.usage.report import read_usage
from billing.reports.usage.span import read_span
from tests.reports.lake.lake_world import (
    APRIL,
    FEBRUARY,
    MARCH,
    amend,
    close,
    export,
    fill_closed,
    first_file,
    manifest_file,
)

BOTH = [FEBRUARY, MARCH]


@pytest.fixture
def root(ledger: Ledger, tmp_path: Path) -> Path:
    """Give the lake of two closed months, in a folder whose name is a pattern."""
    root = tmp_path / "la*ke [1]?"
    fill_closed(ledger)
    export(ledger, root)
    return root


def asked(ledger: Ledger, root: Path) -> LakeUsage:
    return LakeUsage(ledger, root, lambda _done, _total: None)


@pytest.mark.parametrize("key", SPAN_KEYS)
@pytest.mark.parametrize("months", [[FEBRUARY], [MARCH], BOTH])
def test_a_lake_gives_the_totals_and_the_order_of_the_ledger(
    months: list[BillingPeriod], key: str, ledger: Ledger, root: Path
) -> None:
    lake = asked(ledger, root)
    with ledger.reading() as connection:
        own = LedgerUsage(connection)
        due, currency = own.totals(months, key), own.currency(months[0])
    found = lake.totals(months, key)
    assert list(found.items()) == list(due.items())
    assert {type(name) for name in found} == {type(name) for name in due}
    assert lake.currency(months[0]) == currency == "usd"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("month", BOTH)
def test_a_month_is_reported_to_the_same_document(
    month: BillingPeriod, key: str, ledger: Ledger, root: Path
) -> None:
    due = read_usage(ledger, month, key).document()
    found = read_usage(ledger, month, key, lake=asked(ledger, root)).document()
    assert json.dumps(found) == json.dumps(due)


@pytest.mark.parametrize("key", SPAN_KEYS)
def test_several_months_are_reported_to_the_same_document(
    key: str, ledger: Ledger, root: Path
) -> None:
    due = read_span(ledger, FEBRUARY, MARCH, key).document()
    found = read_span(ledger, FEBRUARY, MARCH, key, lake=asked(ledger, root))
    assert json.dumps(found.document()) == json.dumps(due)
    assert found.provisional is False


def test_every_byte_is_checked_once_and_told(ledger: Ledger, root: Path) -> None:
    steps: list[tuple[int, int]] = []
    lake = LakeUsage(ledger, root, lambda done, total: steps.append((done, total)))
    for key in SPAN_KEYS:
        lake.totals(BOTH, key)
    size = sum(file.stat().st_size for file in root.rglob("*.parquet"))
    assert steps[-1] == (size, size)
    assert len(steps) == len(list(root.rglob("*.parquet")))


def test_a_closed_month_without_rows_is_a_month_of_nothing(
    ledger: Ledger, root: Path
) -> None:
    january = FEBRUARY.previous
    close(ledger, january)
    export(ledger, root)
    lake = asked(ledger, root)
    assert lake.totals([january], "customer") == {}
    assert lake.currency(january) is None
    due = read_span(ledger, january, MARCH, "month").document()
    assert read_span(ledger, january, MARCH, "month", lake=lake).document() == due


@pytest.mark.parametrize(
    ("months", "key", "words"),
    [
        ([APRIL], "customer", "2026-04 is not closed, and a lake holds closed months"),
        ([MARCH, APRIL], "month", "2026-04 is not closed"),
        ([MARCH], "metadata:team", "holds nothing of what calls say"),
    ],
)
def test_what_a_lake_does_not_hold_is_asked_of_the_ledger(
    months: list[BillingPeriod], key: str, words: str, ledger: Ledger, root: Path
) -> None:
    with pytest.raises(BadInput, match=words):
        asked(ledger, root).totals(months, key)


def turn_a_byte(root: Path) -> None:
    content = bytearray(first_file(root).read_bytes())
    content[len(content) // 2] ^= 1
    first_file(root).write_bytes(content)


def remove_file(root: Path) -> None:
    first_file(root).unlink()


def remove_month(root: Path) -> None:
    (root / "usage" / "period=2026-03").rename(root.parent / "elsewhere")


def add_file(root: Path) -> None:
    (first_file(root).parent / "part-1.parquet").write_bytes(
        first_file(root).read_bytes()
    )


def list_other_sums(root: Path) -> None:
    amend(manifest_file(root), billed_minutes=9)


def list_other_close(root: Path) -> None:
    amend(manifest_file(root), close_digest="f" * 64)


def list_a_file_elsewhere(root: Path) -> None:
    files = json.loads(manifest_file(root).read_text())["files"]
    amend(manifest_file(root), files={"../../x.parquet": next(iter(files.values()))})


def list_text_for_a_number(root: Path) -> None:
    amend(manifest_file(root), rows="5")


def list_nothing_readable(root: Path) -> None:
    manifest_file(root).write_text("[" * 100_000)


def replace_file_and_list(root: Path) -> None:
    """Drop a row, and let the list say so of the file, but not of the month."""
    file, listed = first_file(root), json.loads(manifest_file(root).read_text())
    parquet.write_table(parquet.ParquetFile(file).read()[1:], file)
    content = file.read_bytes()
    facts = listed["files"][str(file.relative_to(manifest_file(root).parent))]
    facts |= {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    amend(manifest_file(root), files=listed["files"])


def replace_with_what_is_no_parquet(root: Path) -> None:
    file, listed = first_file(root), json.loads(manifest_file(root).read_text())
    file.write_bytes(b"none")
    facts = listed["files"][str(file.relative_to(manifest_file(root).parent))]
    facts |= {"bytes": 4, "sha256": sha256(b"none").hexdigest()}
    amend(manifest_file(root), files=listed["files"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (turn_a_byte, "part-0.parquet is not as it was written; remove the folder"),
        (remove_file, "part-0.parquet is not as it was written; remove the folder"),
        (remove_month, "2026-03 is not in it yet; run `pamela-billing export lake"),
        (add_file, "part-1.parquet was put there by somebody else"),
        (list_other_sums, "its list of 2026-03 does not add up to what was closed"),
        (list_other_close, "its 2026-03 has the digest ffffffffffff"),
        (list_a_file_elsewhere, "_manifest.json is not as it was written"),
        (list_text_for_a_number, "_manifest.json is not as it was written"),
        (list_nothing_readable, "_manifest.json is not as it was written"),
        (replace_file_and_list, "its files do not add up to what was closed"),
        (replace_with_what_is_no_parquet, "DuckDB cannot add it up"),
    ],
)
def test_an_altered_lake_gives_no_figure(
    change: Callable[[Path], None], words: str, ledger: Ledger, root: Path
) -> None:
    change(root)
    lake = asked(ledger, root)
    with pytest.raises(UnfitLake, match=words) as fault:
        lake.totals(BOTH, "customer")
    assert fault.value.exit_code == 2


def test_a_lake_of_another_ledger_gives_no_figure(ledger: Ledger, root: Path) -> None:
    amend(root / "lake.json", ledger="f" * 64)
    with pytest.raises(UnfitLake, match="it is of another ledger"):
        asked(ledger, root)


def test_a_folder_that_is_no_lake_says_how_to_make_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(UnfitLake, match="there is none; `pamela-billing export lake"):
        asked(ledger, tmp_path)
