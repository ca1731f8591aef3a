"""A month's files: every row once, in its bucket, in few row groups at a time."""

from decimal import Decimal
from pathlib import Path

import pytest
from pyarrow import parquet

from billing.reports.lake.layout import bucket_of
from billing.reports.lake.month_files import write_files
from billing.reports.sheets.sheet import Row
from tests.ledger.bookkeeping import NOON

CUSTOMERS = ("acme", "globex", "hazel-travel", "initech")


def row(number: int, *, amount: int = 100_000, currency: str = "usd") -> Row:
    return (
        number,
        "api_usage",
        "main",
        CUSTOMERS[number % 3],
        f"call_{number}",
        1,
        None,
        NOON,
        NOON,
        number % 7,
        Decimal("0.123456"),
        amount,
        currency,
        NOON,
    )


def read_back(folder: Path) -> list[dict[str, object]]:
    rows = []
    for file in sorted(folder.rglob("*.parquet")):
        [_, bucket] = file.parent.name.split("=")
        found = parquet.ParquetFile(file).read().to_pylist()
        assert {bucket_of(line["customer"], 4) for line in found} == {int(bucket)}
        rows += found
    return sorted(rows, key=lambda line: int(str(line["id"])))


def test_every_row_is_there_once_and_in_its_bucket(tmp_path: Path) -> None:
    steps: list[int] = []
    written = write_files(tmp_path, map(row, range(25_000)), 4, steps.append)
    assert steps == [10_000, 20_000, 25_000]
    found = read_back(tmp_path)
    assert [tuple(line.values()) for line in found] == [
        tuple(row(number)) for number in range(25_000)
    ]
    assert written.rows == sum(file.rows for file in written.files.values()) == 25_000
    assert written.billed_minutes == sum(number % 7 for number in range(25_000))
    assert written.amount_micro == {"usd": 25_000 * 100_000}


def test_few_rows_wait_for_their_group(tmp_path: Path) -> None:
    write_files(tmp_path, map(row, range(25_000)), 4, print, most_waiting=1_000)
    assert len(read_back(tmp_path)) == 25_000
    groups = [
        parquet.ParquetFile(file).metadata.num_row_groups
        for file in tmp_path.rglob("*.parquet")
    ]
    assert min(groups) > 1


@pytest.mark.parametrize(
    ("rows", "amounts"),
    [
        ([], {}),
        ([row(0, amount=2**62), row(1, amount=2**62)], {"usd": 2**63}),
        ([row(0, amount=-5), row(1, currency="eur")], {"usd": -5, "eur": 100_000}),
    ],
)
def test_amounts_add_up_exactly_and_by_currency(
    rows: list[Row], amounts: dict[str, int], tmp_path: Path
) -> None:
    assert write_files(tmp_path, rows, 4, print).amount_micro == amounts


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    found = [
        write_files(folder, map(row, range(100)), 4, print).files
        for name in "ab"
        if not (folder := tmp_path / name).mkdir()  # type: ignore[func-returns-value] # makes it
    ]
    assert found[0] == found[1]
