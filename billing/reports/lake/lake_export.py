"""The export of a lake: each closed month once, and only as it was frozen."""

import fcntl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from billing.domain.period import BillingPeriod
from billing.errors import InvariantViolated, UnfitTarget
from billing.files.atomic_file import (
    create_file,
    discard_parts,
    file_fault,
    folder,
    whole_folder,
)
from billing.ledger.audit.events import origin_of
from billing.ledger.close.period_close import (
    closed_month,
    closed_periods,
    period_digest,
)
from billing.ledger.database import Ledger
from billing.ledger.queries.usage_rows import frozen_rows
from billing.reports.lake.layout import Lake, MonthManifest, UnfitLake, read_lake
from billing.reports.lake.month_files import write_files
from billing.reports.sheets.sheet import Row

BUCKETS = 16
# How much of a piece of work is done, of all.
OnStep = Callable[[int, int], None]
Watch = Callable[[str], OnStep]


class LakeMonth(NamedTuple):
    """A month of a lake, and whether it was there before."""

    manifest: MonthManifest
    already: bool


def export_lake(
    ledger: Ledger, root: Path, buckets: int | None, watch: Watch
) -> Iterator[LakeMonth]:
    """Write the closed months that are not in a lake yet, and name all, oldest first.

    Raises UnfitLake before anything is written, UnfitTarget and FileFault.
    """
    with ledger.reading() as connection:
        origin = origin_of(connection)
        closed = closed_periods(connection)
    if not closed and read_lake(root) is None:
        return
    lake = opened_lake(root, origin, buckets)
    with _held(lake):
        discard_parts(root)
        there = _there(lake, closed)
        for name in closed:
            period = BillingPeriod.parse(name)
            already = there.get(period)
            written = already or _write(ledger, lake, period, watch(f"{period}"))
            yield LakeMonth(written, already is not None)


def refuse_other_ledger(lake: Lake, origin: str) -> None:
    """Raise UnfitLake unless a lake is of the ledger whose trail begins so."""
    if lake.ledger != origin:
        raise UnfitLake(
            lake.root,
            f"it is of another ledger (whose audit trail begins with "
            f"{lake.ledger[:12]}…, and this one's with {origin[:12]}…); name another "
            "folder",
        )


def refuse_other_close(lake: Lake, manifest: MonthManifest, digest: str | None) -> None:
    """Raise UnfitLake unless a month was written from what was closed."""
    if digest is None:
        raise UnfitLake(
            lake.root,
            f"it holds {manifest.period}, which this ledger has not closed, as if the "
            "ledger were older than the lake; name another folder, or put the newest "
            "database back",
        )
    if manifest.close_digest != digest:
        raise UnfitLake(
            lake.root,
            f"its {manifest.period} has the digest {manifest.close_digest[:12]}…, and "
            f"the month was closed with {digest[:12]}…; name another folder, and find "
            "out who closed the month that is in this one",
        )


def opened_lake(root: Path, origin: str, buckets: int | None) -> Lake:
    """Return the lake in a folder, made where there is none."""
    lake = read_lake(root) or _made(root, origin, buckets or BUCKETS)
    refuse_other_ledger(lake, origin)
    if buckets not in (None, lake.buckets):
        raise UnfitLake(
            root,
            f"its customers fall into {lake.buckets} buckets, as it was made; leave "
            "out --buckets, or name another folder",
        )
    return lake


def _made(root: Path, origin: str, buckets: int) -> Lake:
    lake = Lake(root=root, ledger=origin, buckets=buckets)
    with folder(root) as place:
        try:
            if any(place.iterdir()):
                raise UnfitTarget(root, "it holds other files, and is no lake")
            create_file(lake.title, lake.document())
        except FileExistsError:
            return read_lake(root) or lake  # another export has just made it
        except OSError as fault:
            raise file_fault(root, fault) from fault
    return lake


@contextmanager
def _held(lake: Lake) -> Iterator[None]:
    """Hold a lake for this process; the system frees it when that ends."""
    with lake.title.open("rb") as title:
        try:
            fcntl.flock(title, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnfitLake(
                lake.root, "another export writes to it; wait for that to end"
            ) from None
        yield


def _there(lake: Lake, closed: Mapping[str, str]) -> dict[BillingPeriod, MonthManifest]:
    """Return the months that are there; raises UnfitLake for one that is not as due."""
    there = {period: lake.manifest(period) for period in lake.periods()}
    for period, manifest in there.items():
        refuse_other_close(lake, manifest, closed.get(str(period)))
        for name, file in manifest.files.items():
            place = lake.month_folder(period) / name
            if not place.is_file() or place.stat().st_size != file.bytes:
                raise altered(lake, place)
    return there


def altered(lake: Lake, place: Path) -> UnfitLake:
    """Return the error of a file that is not as it was written."""
    period = place.relative_to(lake.root).parts[1]
    return UnfitLake(
        lake.root,
        f"{place.relative_to(lake.root)} is not as it was written; remove the folder "
        f"{period}, and `pamela-billing export lake FOLDER` writes it again",
    )


def _write(
    ledger: Ledger, lake: Lake, period: BillingPeriod, on_step: OnStep
) -> MonthManifest:
    """Write a month as it was frozen; raises InvariantViolated, and as write_month."""
    with ledger.reading() as connection:
        close = closed_month(connection, period)
        if close is None or period_digest(connection, period) != close.digest:
            words = f"{period} is not any more what was closed"
            raise InvariantViolated({"audit trail": [words]}, "nothing of it leaves")
        due = int(close.totals.get("rows", 0))
        rows = frozen_rows(connection, period)
        return write_month(
            lake, period, close.digest, rows, lambda done: on_step(done, max(due, done))
        )


def write_month(
    lake: Lake,
    period: BillingPeriod,
    digest: str,
    rows: Iterable[Row],
    on_step: Callable[[int], None],
) -> MonthManifest:
    """Write the rows that were closed under a digest, and let the month appear.

    Raises BadInput without pyarrow, UnfitTarget and FileFault.
    """
    with whole_folder(lake.month_folder(period), beside=lake.root) as part:
        written = write_files(part, rows, lake.buckets, on_step)
        manifest = MonthManifest(
            ledger=lake.ledger,
            period=str(period),
            close_digest=digest,
            rows=written.rows,
            billed_minutes=written.billed_minutes,
            amount_micro=dict(written.amount_micro),
            files=written.files,
        )
        manifest.write(part)
    return manifest
