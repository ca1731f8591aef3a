"""The layout of a lake: whose it is, where a month's files are, and what they hold.

    FOLDER/lake.json                                  whose lake this is
    FOLDER/usage/period=2026-03/_manifest.json        what the month's files hold
    FOLDER/usage/period=2026-03/customer_bucket=7/part-0.parquet

What reads `usage` as a table passes over names that begin with `_` or `.`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.files.bounded_file import read_bounded

FORMAT = "pamela-billing lake 1"
MOST_BUCKETS = 256
_TITLE, _TABLE, _MANIFEST = "lake.json", "usage", "_manifest.json"
_FILE = re.compile(r"customer_bucket=\d{1,3}/part-0\.parquet", re.ASCII)
_MOST_BYTES = 1_000_000
_HASHED_BYTES = 4
Read = TypeVar("Read")
Listed = Mapping[str, "LakeFile"]


class UnfitLake(BadInput):
    """A lake is another ledger's, or not as it was written; nothing was changed."""

    def __init__(self, lake: Path, what: str) -> None:
        super().__init__(f"the lake {lake}: {what}")


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake: where it is, whose it is, and into how many buckets customers fall."""

    root: Path
    ledger: str  # the hash of the first event of the ledger's audit trail
    buckets: int

    @property
    def title(self) -> Path:
        """The file that makes a folder a lake."""
        return self.root / _TITLE

    def month_folder(self, period: BillingPeriod) -> Path:
        """Return where a month is."""
        return self.root / _TABLE / f"period={period}"

    def periods(self) -> list[BillingPeriod]:
        """Return the months that are here, oldest first."""
        names = [place.name for place in (self.root / _TABLE).glob("period=*")]
        try:
            months = [BillingPeriod.parse(name.partition("=")[2]) for name in names]
        except ValueError as fault:
            raise UnfitLake(self.root, f"it holds a folder of no month: {fault}") from (
                fault
            )
        return sorted(months)

    def manifest(self, period: BillingPeriod) -> "MonthManifest":
        """Read what a month's files hold; raises UnfitLake."""
        file = self.month_folder(period) / _MANIFEST
        manifest = _read(self.root, file, MonthManifest.of)
        if (manifest.period, manifest.ledger) != (str(period), self.ledger):
            raise UnfitLake(
                self.root,
                f"{file.relative_to(self.root)} is of {manifest.period} of the ledger "
                f"{manifest.ledger[:12]}…, so it was put there by hand; remove its "
                "folder, then run `pamela-billing export lake FOLDER` again",
            )
        return manifest

    def document(self) -> bytes:
        """Return the content of the file that makes a folder a lake."""
        return _document(
            {"format": FORMAT, "ledger": self.ledger, "buckets": self.buckets}
        )


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of a month as it was written."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MonthManifest:
    """What a month's files hold: the rows that were frozen under a close's digest."""

    ledger: str
    period: str
    close_digest: str
    rows: int
    billed_minutes: int
    amount_micro: Mapping[str, int]  # by currency
    files: Listed

    @property
    def bytes(self) -> int:
        """How large all files are."""
        return sum(file.bytes for file in self.files.values())

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "MonthManifest":
        """Read a document; raises ValueError, TypeError or LookupError."""
        files = {
            _file_name(name): LakeFile(
                rows=_whole(file["rows"]),
                bytes=_whole(file["bytes"]),
                sha256=str(file["sha256"]),
            )
            for name, file in document["files"].items()
        }
        return cls(
            ledger=str(document["ledger"]),
            period=str(document["period"]),
            close_digest=str(document["close_digest"]),
            rows=_whole(document["rows"]),
            billed_minutes=_whole(document["billed_minutes"]),
            amount_micro={
                str(currency): _whole(amount)
                for currency, amount in document["amount_micro"].items()
            },
            files=files,
        )

    def write(self, folder: Path) -> None:
        """Write it into a month's folder; raises OSError."""
        (folder / _MANIFEST).write_bytes(_document({"format": FORMAT, **asdict(self)}))


def read_lake(root: Path) -> Lake | None:
    """Read whose lake a folder is; None where it is none. Raises UnfitLake."""
    if not (root / _TITLE).exists():
        return None
    return _read(
        root,
        root / _TITLE,
        lambda said: Lake(
            root=root, ledger=str(said["ledger"]), buckets=_whole(said["buckets"])
        ),
    )


def bucket_of(customer: str, buckets: int) -> int:
    """Return a customer's bucket: the first 32 bits of its SHA-256, modulo buckets."""
    hashed = sha256(customer.encode()).digest()[:_HASHED_BYTES]
    return int.from_bytes(hashed) % buckets


def file_name(bucket: int) -> str:
    """Return where the file of a bucket is in a month's folder."""
    return f"customer_bucket={bucket}/part-0.parquet"


def _file_name(name: str) -> str:
    if not _FILE.fullmatch(name):
        raise ValueError(f"no file of a lake is named {name!r}")
    return name


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"a whole number is due, not {value!r}")
    return value


def _document(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def _read(root: Path, file: Path, read: Callable[[Any], Read]) -> Read:
    name = file.relative_to(root)
    try:
        document = json.loads(read_bounded(file, _MOST_BYTES))
        said = document["format"]
        if said == FORMAT:
            return read(document)
    except OSError as fault:
        why = (fault.strerror or str(fault)).lower()
        raise UnfitLake(root, f"{name} cannot be read: {why}") from fault
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise UnfitLake(
            root,
            f"{name} is not as it was written; put it back, or remove its folder and "
            "run `pamela-billing export lake FOLDER` again",
        ) from None
    raise UnfitLake(
        root, f"{name} has the format {said}, and this program knows {FORMAT}"
    )
