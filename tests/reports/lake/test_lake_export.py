"""A lake holds each closed month once, as it was frozen, or it is refused."""

import fcntl
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from pyarrow import dataset
from sqlalchemy import text

from billing.errors import FileFault, InvariantViolated, UnfitTarget
from billing.ledger.database import Ledger
from billing.reports.lake.layout import UnfitLake
from tests.full_disk import full_disk
from tests.ledger.bookkeeping import register, rows
from tests.reports.bookkeeping import fill
from tests.reports.lake.lake_world import (
    FEBRUARY,
    amend,
    close,
    contents,
    export,
    fill_closed,
    first_file,
    manifest_file,
    manifests,
)
from tests.reports.months import fill_months


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a place for a lake, whose name means something to who globs."""
    return tmp_path / "la*ke [1]"


def as_table(root: Path) -> pyarrow.Table:
    """Read a lake as any program does that knows hive partitions."""
    named = dataset.dataset(root / "usage", format="parquet", partitioning="hive")
    return named.to_table()


def test_every_row_of_a_closed_month_is_there_and_none_of_an_open_one(
    ledger: Ledger, root: Path
) -> None:
    fill_closed(ledger)
    months = export(ledger, root)
    due = rows(
        ledger,
        "SELECT id, type, account, customer, call_id, call_revision, corrects, period, "
        "billed_minutes, amount_micro, currency FROM b2b_usage "
        "WHERE period < '2026-04' ORDER BY id",
    )
    names = "id type account customer call_id call_revision corrects period "
    names += "billed_minutes amount_micro currency"
    found = as_table(root).select(names.split()).sort_by("id").to_pylist()
    assert [tuple(line.values()) for line in found] == due
    assert [manifest.period for manifest in manifests(months)] == ["2026-02", "2026-03"]
    assert sum(manifest.rows for manifest in manifests(months)) == len(due)


def test_money_is_whole_prices_are_decimals_and_times_are_utc(
    ledger: Ledger, root: Path
) -> None:
    fill_closed(ledger)
    export(ledger, root)
    table = as_table(root)
    assert table.schema.field("amount_micro").type == pyarrow.int64()
    assert table.schema.field("posted_at").type == pyarrow.timestamp("us", tz="UTC")
    line = table.sort_by("id").to_pylist()[0]
    assert line["price_per_minute"] == Decimal("0.10")
    assert line["hour"].astimezone(UTC) == line["call_hour"].astimezone(UTC)
    assert line["hour"] in FEBRUARY


def test_what_corrects_a_closed_month_is_in_the_month_that_it_was_billed_in(
    ledger: Ledger, root: Path
) -> None:
    fill_months(ledger)
    export(ledger, root)
    before = contents(root)
    close(ledger)
    export(ledger, root)
    assert before.items() <= contents(root).items()
    late = [
        line
        for line in as_table(root).to_pylist()
        if line["type"] == "adjustment" and line["call_hour"] in FEBRUARY
    ]
    assert {line["period"] for line in late} == {"2026-03"}
    assert {line["billed_minutes"] for line in late} == {3, -1}


def test_a_month_is_written_once(ledger: Ledger, root: Path) -> None:
    fill_months(ledger)
    [first] = export(ledger, root)
    times = first_file(root, "2026-02").stat().st_mtime_ns
    [again] = export(ledger, root, buckets=None)
    assert (first.already, again.already) == (False, True)
    assert first.manifest == again.manifest
    assert first_file(root, "2026-02").stat().st_mtime_ns == times
    close(ledger)
    assert [month.already for month in export(ledger, root)] == [True, False]


def test_a_month_that_was_removed_is_written_again_to_the_same_bytes(
    ledger: Ledger, root: Path
) -> None:
    fill_closed(ledger)
    export(ledger, root)
    before = contents(root)
    (root / "usage" / "period=2026-02").rename(root.parent / "elsewhere")
    export(ledger, root)
    assert contents(root) == before


def test_a_ledger_that_closed_nothing_makes_no_lake(ledger: Ledger, root: Path) -> None:
    fill(ledger)
    assert export(ledger, root) == []
    assert not root.exists()


def test_how_far_it_is_is_told_in_rows(ledger: Ledger, root: Path) -> None:
    fill_months(ledger)
    steps: list[tuple[str, int, int]] = []
    export(ledger, root, steps=steps)
    assert steps == [("2026-02", 3, 3)]


def test_a_disk_that_fills_leaves_no_month_and_the_next_export_writes_it(
    sqlite_ledger: Ledger, root: Path
) -> None:
    register(sqlite_ledger)
    fill_closed(sqlite_ledger)
    export_size = 3_000
    with full_disk(after=export_size), pytest.raises(FileFault, match="2026-02"):
        export(sqlite_ledger, root)
    assert [place.name for place in root.iterdir() if place.is_file()] == ["lake.json"]
    assert not list(root.rglob("*.parquet"))
    assert len(export(sqlite_ledger, root)) == 2


def test_what_a_killed_export_left_goes_with_the_next(
    ledger: Ledger, root: Path
) -> None:
    fill_months(ledger)
    export(ledger, root)
    left = root / ".period=2026-03.0badf00d.part"
    left.mkdir()
    (left / "part-0.parquet").write_text("half")
    export(ledger, root)
    assert not left.exists()


def test_two_exports_never_write_at_once(ledger: Ledger, root: Path) -> None:
    fill_months(ledger)
    export(ledger, root)
    with (root / "lake.json").open("rb") as title:
        fcntl.flock(title, fcntl.LOCK_EX)
        with pytest.raises(UnfitLake, match="another export writes to it"):
            export(ledger, root)


def test_a_month_that_is_not_what_was_closed_does_not_leave(
    sqlite_ledger: Ledger, root: Path
) -> None:
    register(sqlite_ledger)
    fill_closed(sqlite_ledger)
    triggers = "SELECT name FROM sqlite_master WHERE tbl_name = 'b2b_usage'"
    with sqlite_ledger.engine.begin() as connection:
        named = connection.execute(text(f"{triggers} AND type = 'trigger'")).scalars()
        for name in named.all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE b2b_usage SET amount_micro = 1 WHERE period = '2026-03'")
        )
    with pytest.raises(InvariantViolated, match="2026-03 is not any more what was"):
        export(sqlite_ledger, root)
    assert not (root / "usage" / "period=2026-03").exists()


def put_other_ledger(root: Path) -> None:
    amend(root / "lake.json", ledger="f" * 64)


def put_other_format(root: Path) -> None:
    amend(root / "lake.json", format="lake 9")


def close_otherwise(root: Path) -> None:
    amend(manifest_file(root), close_digest="f" * 64)


def add_month(root: Path) -> None:
    (root / "usage" / "period=2026-03").rename(root / "usage" / "period=2026-05")
    amend(manifest_file(root, "2026-05"), period="2026-05")


def rename_month(root: Path) -> None:
    (root / "usage" / "period=2026-03").rename(root / "usage" / "period=2026-05")


def add_no_month(root: Path) -> None:
    (root / "usage" / "period=soon").mkdir()


def cut_file(root: Path) -> None:
    first_file(root).write_bytes(b"PAR1")


def remove_file(root: Path) -> None:
    first_file(root).unlink()


def remove_list(root: Path) -> None:
    manifest_file(root).unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put_other_ledger, "it is of another ledger"),
        (put_other_format, "has the format lake 9, and this program knows"),
        (close_otherwise, "its 2026-03 has the digest ffffffffffff"),
        (add_month, "it holds 2026-05, which this ledger has not closed"),
        (rename_month, "is of 2026-03 of the ledger .* put there by hand"),
        (add_no_month, "a folder of no month"),
        (cut_file, "part-0.parquet is not as it was written; remove the folder"),
        (remove_file, "part-0.parquet is not as it was written; remove the folder"),
        (remove_list, "_manifest.json cannot be read: no such file"),
    ],
)
def test_a_lake_that_is_not_this_ledgers_is_refused_before_anything_is_written(
    change: Callable[[Path], None], words: str, ledger: Ledger, root: Path
) -> None:
    fill_closed(ledger)
    export(ledger, root)
    (root / "usage" / "period=2026-02").rename(root.parent / "elsewhere")
    change(root)
    before = contents(root)
    with pytest.raises(UnfitLake, match=words) as fault:
        export(ledger, root)
    assert str(root) in str(fault.value)
    assert fault.value.exit_code == 2
    assert contents(root) == before


def test_a_folder_with_other_files_becomes_no_lake(ledger: Ledger, root: Path) -> None:
    fill_closed(ledger)
    root.mkdir()
    (root / "letter.txt").write_text("dear")
    with pytest.raises(UnfitTarget, match="holds other files, and is no lake"):
        export(ledger, root)
    assert contents(root) == {"letter.txt": b"dear"}


def test_a_file_becomes_no_lake(ledger: Ledger, root: Path) -> None:
    fill_closed(ledger)
    root.write_text("dear")
    with pytest.raises(UnfitTarget, match="cannot be written: file exists"):
        export(ledger, root)
    assert root.read_text() == "dear"


def test_a_lake_keeps_its_buckets(ledger: Ledger, root: Path) -> None:
    fill_closed(ledger)
    export(ledger, root, buckets=3)
    with pytest.raises(UnfitLake, match="fall into 3 buckets, as it was made"):
        export(ledger, root, buckets=4)
    assert len(export(ledger, root, buckets=None)) == 2
