"""The files of a month: rows divided by customer into Parquet, in bounded memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from hashlib import file_digest
from pathlib import Path
from typing import Any

from billing.errors import BadInput
from billing.reports.lake.layout import LakeFile, bucket_of, file_name
from billing.reports.sheets.sheet import Row, blocks

INSTALL = "pip install 'pamela-billing[lake]'"
OnStep = Callable[[int], None]
_BLOCK = 10_000
# So many rows wait at most for the others of their row group, some 40 MB.
_MOST_WAITING = 400_000
# Places of what is added up, and of what divides the rows.
_CUSTOMER, _MINUTES, _AMOUNT, _CURRENCY = 3, 9, 11, 12


@dataclass(slots=True)
class MonthFiles:
    """What was written of a month."""

    rows: int = 0
    billed_minutes: int = 0
    amount_micro: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    files: dict[str, LakeFile] = field(default_factory=dict)


def write_files(
    folder: Path,
    rows: Iterable[Row],
    buckets: int,
    on_step: OnStep,
    *,
    most_waiting: int = _MOST_WAITING,
) -> MonthFiles:
    """Write a month's rows, as `frozen_rows` gives them, into a folder.

    Raises BadInput without pyarrow, and OSError.
    """
    arrow, parquet = _libraries()
    schema = _schema(arrow)
    written = MonthFiles()
    bucket = cache(lambda customer: bucket_of(customer, buckets))
    with ExitStack() as stack:
        writers = _Writers(parquet, schema, folder, stack)
        waiting = _Waiting(arrow, schema, writers, most_waiting)
        for block in blocks(rows, _BLOCK):
            cells = list(zip(*block, strict=True))
            arrays = [
                arrow.array(column, form.type)
                for column, form in zip(cells, schema, strict=True)
            ]
            batch = arrow.RecordBatch.from_arrays(arrays, schema=schema)
            waiting.add(batch, list(map(bucket, cells[_CUSTOMER])))
            _add_up(written, cells)
            on_step(written.rows)
        waiting.leave_all()
    for number, count in sorted(writers.rows.items()):
        name = file_name(number)
        written.files[name] = measured(folder / name, count)
    return written


def measured(file: Path, rows: int) -> LakeFile:
    """Return how a file is that holds so many rows; raises OSError."""
    with file.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
        return LakeFile(rows=rows, bytes=stream.tell(), sha256=digest)


class _Writers:
    """One open file for each bucket that has rows."""

    def __init__(
        self, parquet: Any, schema: Any, folder: Path, stack: ExitStack
    ) -> None:
        self._parquet, self._schema = parquet, schema
        self._folder, self._stack = folder, stack
        self._writers: dict[int, Any] = {}
        self.rows: dict[int, int] = defaultdict(int)

    def write(self, bucket: int, group: Any) -> None:
        """Write a row group."""
        if bucket not in self._writers:
            file = self._folder / file_name(bucket)
            file.parent.mkdir()
            writer = self._parquet.ParquetWriter(file, self._schema, compression="zstd")
            self._writers[bucket] = self._stack.enter_context(writer)
        self._writers[bucket].write_table(group, row_group_size=group.num_rows)
        self.rows[bucket] += group.num_rows


class _Waiting:
    """Rows that wait until enough of a bucket are there to make a row group."""

    def __init__(self, arrow: Any, schema: Any, writers: _Writers, most: int) -> None:
        self._arrow, self._schema, self._writers = arrow, schema, writers
        self._most = most
        self._batches: dict[int, list[Any]] = defaultdict(list)
        self._rows: dict[int, int] = defaultdict(int)

    def add(self, batch: Any, buckets: Sequence[int]) -> None:
        """Divide some rows; what is too much leaves, from the fullest bucket on."""
        for bucket, places in _places(buckets).items():
            self._batches[bucket].append(batch.take(self._arrow.array(places)))
            self._rows[bucket] += len(places)
        while sum(self._rows.values()) > self._most:
            self._leave(max(self._rows, key=self._rows.__getitem__))

    def leave_all(self) -> None:
        """Let all rows leave."""
        for bucket in sorted(self._batches):
            self._leave(bucket)

    def _leave(self, bucket: int) -> None:
        batches = self._batches.pop(bucket)
        del self._rows[bucket]
        self._writers.write(
            bucket, self._arrow.Table.from_batches(batches, self._schema)
        )


def _places(buckets: Sequence[int]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = defaultdict(list)
    for place, bucket in enumerate(buckets):
        places[bucket].append(place)
    return places


def _add_up(written: MonthFiles, cells: Sequence[Sequence[Any]]) -> None:
    # Python's integers have no end; a sum of 64 bits would turn over in silence.
    written.rows += len(cells[_CUSTOMER])
    written.billed_minutes += sum(cells[_MINUTES])
    for currency in set(cells[_CURRENCY]):
        written.amount_micro[currency] += sum(_of_currency(cells, currency))


def _of_currency(cells: Sequence[Sequence[Any]], currency: str) -> Iterator[int]:
    for amount, its_currency in zip(cells[_AMOUNT], cells[_CURRENCY], strict=True):
        if its_currency == currency:
            yield amount


def _schema(arrow: Any) -> Any:
    """Name and type the columns, in the order of `frozen_rows`."""
    text, whole = arrow.string(), arrow.int64()
    moment = arrow.timestamp("us", tz="UTC")
    return arrow.schema(
        [
            arrow.field("id", whole, nullable=False),
            arrow.field("type", text, nullable=False),
            arrow.field("account", text, nullable=False),
            arrow.field("customer", text, nullable=False),
            arrow.field("call_id", text, nullable=False),
            arrow.field("call_revision", whole, nullable=False),
            arrow.field("corrects", whole),
            arrow.field("hour", moment, nullable=False),
            arrow.field("call_hour", moment, nullable=False),
            arrow.field("billed_minutes", whole, nullable=False),
            arrow.field("price_per_minute", arrow.decimal128(38, 12)),
            arrow.field("amount_micro", whole, nullable=False),
            arrow.field("currency", text, nullable=False),
            arrow.field("posted_at", moment, nullable=False),
        ]
    )


def _libraries() -> tuple[Any, Any]:
    # Loaded only for a lake: it is large, and need not be there.
    try:
        import pyarrow  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise BadInput(f"a lake needs pyarrow: {INSTALL}") from None
    return pyarrow, pyarrow.parquet
