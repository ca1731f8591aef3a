"""Verify an audit bundle: PASS, or the first bad record, and why.

It needs Python 3.11 or newer and nothing else: no network, no packages, no keys.
Run `python -I verify.py` in the folder that the bundle was unpacked into, or
`python -I verify.py BUNDLE.zip`; `python -I verify.py --help` says what else there is.
"""
import os
import sys

if sys.version_info < (3, 11):
    sys.exit("verify.py needs Python 3.11 or newer, and this is %d.%d"
             % sys.version_info[:2])
if __name__ == "__main__":
    # What lies beside this program is no part of it: nothing is imported from there.
    # These two modules are inside Python itself.
    _beside = {os.path.dirname(os.path.realpath(__file__)), os.path.realpath("")}
    sys.path[:] = [path for path in sys.path if os.path.realpath(path) not in _beside]

import argparse
import io
import json
import os
import re
import sqlite3
import stat
import struct
import sys
import zipfile
import zlib
from array import array
from bisect import bisect_left
from bisect import bisect_right
from collections import Counter
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import closing
from contextlib import contextmanager
from functools import cache
from functools import partial
from hashlib import sha256
from hashlib import sha512
from itertools import chain
from itertools import compress
from itertools import count
from itertools import islice
from itertools import pairwise
from itertools import repeat
from operator import eq
from operator import itemgetter
from operator import lt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from typing import BinaryIO
from typing import NamedTuple
from typing import NoReturn
from typing import Protocol
from typing import TypeVar
from typing import cast


# findings
# What the verifier finds: the first bad record, or that there is nothing to read.

_ODD = re.compile(r"[^ -~]")


def shown(name: str) -> str:
    """Return a name as it may be printed."""
    return _ODD.sub("?", name[:80])


def printable(line: str) -> str:
    """Return a line in which nothing acts on a terminal: what would is an escape."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in line
    )


class BadRecord(Exception):
    """A record that proves nothing, or the contrary: where it is, and why."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where, self.why = where, why


class Unreadable(Exception):
    """There is nothing that could be verified; the message says what to do."""


# What Python's own parts raise when they are fed with what nobody should write.
NONSENSE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    ArithmeticError,
    EOFError,
)


# ed25519
# Signatures by Ed25519 (RFC 8032, section 5.1): verified in plain integers.

Point = tuple[int, int, int, int]

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
ROOT_OF_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)
NEUTRAL: Point = (0, 1, 1, 0)
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_DIGIT_BITS, _DIGITS = 4, 64


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature over a message was made with the key's other half."""
    if len(public_key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    table = _multiples_of_key(public_key)
    scalar = int.from_bytes(signature[32:], "little")
    if table is None or scalar >= ORDER:
        return False
    hashed = sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(hashed, "little") % ORDER
    # R = S·B - k·A; the table is that of -A.
    point = _add(_times(_multiples_of_base(), scalar), _times(table, challenge))
    return _encode(point) == signature[:32]


def is_weak(public_key: bytes) -> bool:
    """Say whether a key is one of the eight points that anybody can sign for.

    Eight times such a point is the neutral one, so its signatures hold for whatever.
    """
    point = decode_point(public_key)
    if point is None:
        return False
    for _ in range(3):
        point = _add(point, point)
    x, y, z, _ = point
    return x % PRIME == 0 and (y - z) % PRIME == 0


def decode_point(encoded: bytes) -> Point | None:
    """Return the point that 32 bytes stand for; None when they stand for none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= PRIME:
        return None
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % PRIME)


def _x_of(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    if square == 0:
        return None if sign else 0
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * ROOT_OF_MINUS_ONE % PRIME
    if (x * x - square) % PRIME:
        return None
    return x if x & 1 == sign else PRIME - x


def _add(first: Point, second: Point) -> Point:
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a = (y1 - x1) * (y2 - x2) % PRIME
    b = (y1 + x1) * (y2 + x2) % PRIME
    c = 2 * t1 * t2 * CURVE % PRIME
    d = 2 * z1 * z2 % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def _encode(point: Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, PRIME)
    x, y = x * inverse % PRIME, y * inverse % PRIME
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _multiples(point: Point) -> list[list[Point]]:
    """Return d·16^i·P for every digit d of every place i: then nothing is doubled."""
    rows = []
    for _ in range(_DIGITS):
        row = [NEUTRAL]
        for _ in range(2**_DIGIT_BITS - 1):
            row.append(_add(row[-1], point))
        rows.append(row)
        point = _add(row[-1], point)
    return rows


@cache
def _multiples_of_base() -> list[list[Point]]:
    y = 4 * pow(5, -1, PRIME) % PRIME
    x = _x_of(y, 0) or 0
    return _multiples((x, y, 1, x * y % PRIME))


@cache
def _multiples_of_key(public_key: bytes) -> list[list[Point]] | None:
    point = decode_point(public_key)
    if point is None:
        return None
    x, y, z, t = point
    return _multiples((-x % PRIME, y, z, -t % PRIME))


def _times(table: list[list[Point]], scalar: int) -> Point:
    total = NEUTRAL
    for row in table:
        digit = scalar & 15
        scalar >>= _DIGIT_BITS
        if digit:
            total = _add(total, row[digit])
    return total


# shapes
# The tables of a bundle: their columns, and how a line is read.

BINDING = "b2b_usage.meter_event_id"
EVENTS, HEADS = "audit_events.jsonl", "heads.jsonl"
HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


class Shape(NamedTuple):
    """A table: its columns with the kind of each, its key, and whose month it has."""

    columns: tuple[str, ...]
    kinds: str
    key: str
    together: bool
    month: str

    def place(self, column: str) -> int:
        """Return where in a row a column stands."""
        return self.columns.index(column)


def _shape(
    columns: str, key: str = "id", *, together: bool = False, month: str = "period"
) -> Shape:
    pairs = [word.split(":") for word in columns.split()]
    names, kinds = zip(*pairs, strict=True)
    return Shape(
        columns=names, kinds="".join(kinds), key=key, together=together, month=month
    )


# Written from the schema by tests/verifier/write_shapes.py. i and t are integers and
# texts; a capital may be null.
SHAPES = {
    "account": _shape(
        "name:t customer:T customer_metadata_key:T registered_at:t",
        "name",
        month="",
    ),
    "customer": _shape(
        "name:t stripe_customer:t registered_at:t",
        "name",
        month="",
    ),
    "price": _shape(
        "id:i effective_from:t per_minute:t currency:t registered_at:t",
        month="",
    ),
    "period_close": _shape(
        "period:t closed_at:t closed_by:t digest:t totals:T",
        "period",
    ),
    "pull": _shape(
        "id:i account:t period:t scope:t window_start:t window_end:t started_at:t "
        "finished_at:T state:t error:T pages:I fetched:I billed:I not_billable:I "
        "quarantined:I reasons:T source_call_count:I source_minutes:I ledger_minutes:I",
    ),
    "quarantine": _shape(
        "id:i account:t call_id:t period:t reason:t detail:t source_sha256:t pull_id:i "
        "seen_at:t released_at:T",
    ),
    "call": _shape(
        "id:i account:t call_id:t revision:i period:t status:t created_at:T "
        "started_at:T ended_at:T duration_seconds:I source_minutes:I customer:T "
        "not_billable:T minutes_gap:i extract_sha256:t source_sha256:t pull_id:i",
        together=True,
    ),
    "b2b_usage": _shape(
        "id:i type:t account:t customer:t call_id:t call_revision:i period:t hour:t "
        "call_hour:t billed_minutes:i amount_micro:i currency:t price_id:I corrects:I "
        "pull_id:i posted_at:t",
        together=True,
    ),
    "meter_event": _shape(
        "id:i identifier:t customer:t stripe_customer:t meter:t livemode:i period:t "
        "hour:t sequence:i timestamp:t minutes:i amount_micro:i usage_rows:i "
        "staged_at:t state:t reason:T evidence:T tries:i first_unknown_at:T "
        "last_sent_at:T carries:T rearmed_at:T",
    ),
    "meter_attempt": _shape(
        "id:i event_id:i number:i idempotency_key:t owner:t started_at:t answered_at:T "
        "verdict:T http_status:I request_id:T detail:T kind:t",
        month="event_id",
    ),
    "meter_reading": _shape(
        "id:i event_id:i read_at:t minutes:i",
        month="event_id",
    ),
    "error_report": _shape(
        "id:i name:t created_at:t window_start:t window_end:t error_count:i codes:t "
        "identifiers:t read_at:t settled_at:T",
        month="",
    ),
    "reconciliation_run": _shape(
        "id:i period:t started_at:t finished_at:t settled:i complete:i "
        "difference_minutes:i breaks:i invoices:I",
    ),
    "reconciliation_reading": _shape(
        "id:i run_id:i period:t customer:t stripe_customer:t pamela_minutes:i "
        "ledger_minutes:i stripe_minutes:i settled:i read_at:t unknown_minutes:I "
        "invoiced_minutes:I invoice:T",
        together=True,
    ),
    "reconciliation_break": _shape(
        "id:i run_id:i customer:T account:T cause:t hour:T minutes:i amount_micro:i "
        "calls:t case_id:I evidence:T event:T",
        together=True,
        month="run_id",
    ),
    "break_case": _shape(
        "id:i period:t customer:T account:T cause:t hour:T event:T calls:t opened_at:t "
        "opened_run:i acknowledged_at:T acknowledged_by:T reason:T resolved_at:T "
        "resolved_by:T",
    ),
    "meter_contact": _shape(
        "id:i customer:t stripe_customer:t meter:t livemode:i period:t read_at:t "
        "minutes:i lower:i upper:i whole_month:i",
    ),
    "sole_reporter": _shape(
        "id:i stated_at:t stated_by:t reason:t customer:T withdrawn:i",
        month="",
    ),
    "pull_scope": _shape(
        "id:i pull_id:i period:t month:t calls:i billed_here:i first_at:T last_at:T "
        "looked_back_to:t",
        together=True,
    ),
    "cycle_run": _shape(
        "id:i start_id:I period:t trigger:t owner:t started_at:t finished_at:T "
        "outcome:T errors:T seconds:I",
    ),
    "send_hold": _shape(
        "id:i customer:T held:i at:t actor:t reason:T",
        month="",
    ),
    "account_identity": _shape(
        "id:i account:t partner_id:T project_id:T key_digest:t first_seen_at:t "
        "source:t",
        month="",
    ),
    "account_rename": _shape(
        "id:i was:t now:t at:t actor:t",
        month="",
    ),
    "adoption": _shape(
        "id:i kind:t customer:t stripe_customer:t meter:t livemode:i from_hour:t at:t "
        "actor:t reason:t stopped_at:T period:T minutes:I",
        month="",
    ),
    "meter_opening": _shape(
        "id:i adoption_id:i event_id:i minutes:i read_at:T",
        month="event_id",
    ),
    "shadow_reading": _shape(
        "id:i customer:t stripe_customer:t meter:t livemode:i period:t read_at:t "
        "hours:t",
        together=True,
    ),
    "contradicting_call": _shape(
        "id:i account:t call_id:t revision:i period:t detail:t pull_id:i seen_at:t",
        together=True,
    ),
    "reconciliation_source": _shape(
        "id:i run_id:i account:t calls_minutes:i calls_read_at:T usage_minutes:I "
        "usage_read_at:T",
        together=True,
        month="run_id",
    ),
    "quarantine_place": _shape(
        "id:i quarantine_id:i period:t created_at:T started_at:T customer:T",
    ),
    "call_decision": _shape(
        "id:i account:t call_id:t revision:i quarantine_id:I seconds:I evidence:t at:t "
        "actor:t reason:t",
        month="",
    ),
    "summary_lag": _shape(
        "id:i event_id:i period:t sent_at:t last_unshown_at:T first_shown_at:t "
        "lag_seconds:I open_from:i",
        together=True,
    ),
}
TABLE_FILES = {name: f"tables/{name}.jsonl" for name in (*SHAPES, BINDING)}
# The first bundles had so many of the tables. A bundle of then has no file of any
# other, and its trail covers no row of one.
_FIRST = 16
LATER_FILES = frozenset(TABLE_FILES[name] for name in [*SHAPES][_FIRST:])
BINDING_COLUMNS = ["event_id", "usage_ids"]


def _refuse_float(text: str) -> Any:
    raise ValueError(f"{text[:40]} is no whole number")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that is there twice, readers would see either."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is there twice")
    return document


_decoder = json.JSONDecoder(
    parse_float=_refuse_float,
    parse_constant=_refuse_float,
    object_pairs_hook=_without_twins,
)
# A long line may hold so many lists and objects: each costs far more than it says.
_LONG, _MOST_PARTS = 2**20, 2**20


def read_json(line: bytes) -> Any:
    """Return the one JSON value of a line; raises ValueError, RecursionError."""
    if len(line) > _LONG and line.count(b"[") + line.count(b"{") > _MOST_PARTS:
        raise ValueError("it has more parts than any line of ours")
    text = line.decode()
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise ValueError("something follows the JSON value")
    return value


def canonical(document: Any) -> bytes:
    """Return a small document of ours in its canonical form (RFC 8785)."""
    compact = json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return compact.encode()


def unhex(text: str, size: int) -> bytes:
    """Return so many bytes from their hex, which is spelled in one way only."""
    value = bytes.fromhex(text)
    if len(value) != size or value.hex() != text:
        raise ValueError(f"{text[:40]!r} is not {size} bytes in hex")
    return value


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line in hex."""
    return sha256(line).hexdigest()


# rows
# Rows: the lines of a table, read some thousands at once, each of its own kinds.

_KINDS = {"i": (int,), "t": (str,), "I": (int, type(None)), "T": (str, type(None))}
# So much is read at once: more than a processor keeps at hand takes longer.
_AT_ONCE = 2**16


class LineSource(Protocol):
    """Where lines come from: a bundle, or the database itself."""

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, each with its end, some thousands at once."""
        ...


class RowPart(NamedTuple):
    """Some rows of a table, and the lines that they were read from.

    Plain are those in which no text is spelled by the numbers of its signs.
    """

    lines: list[bytes]
    rows: list[list[Any]]
    plain: bool


def read_lines(source: LineSource, name: str) -> Iterator[bytes]:
    """Yield the lines of a file one by one, without their ends."""
    for part in source.parts(name):
        yield from part[:-1].split(b"\n")


def read_rows(source: LineSource, name: str) -> Iterator[list[Any]]:
    """Yield the rows of a table, each of the table's own kinds; raises BadRecord."""
    for part in read_parts(source, name):
        yield from part.rows


def read_parts(source: LineSource, name: str) -> Iterator[RowPart]:
    """Yield the rows of a table as `read_rows` does, some thousands at once."""
    file, shape = TABLE_FILES[name], SHAPES[name]
    parts = source.parts(file)
    first = next(parts, None)
    if first is None and file in LATER_FILES:
        return
    header, _, rest = (first or b"").partition(b"\n")
    check_header(file, header, list(shape.columns))
    kinds = _RowKinds(shape)
    number = 2
    for text in _pieces(rest, parts):
        lines = text[:-1].split(b"\n")
        rows, plain = _read_together(text, len(lines), kinds), b"\\u" not in text
        del text
        if rows is None:
            for place, line in enumerate(lines, start=number):
                row = _read_row(f"{file}, line {place}", line, kinds)
                yield RowPart([line], [row], plain)
        else:
            yield RowPart(lines, rows, plain)
        number += len(lines)


def _pieces(first: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    """Cut parts into as much as is read at once, or one line that is longer."""
    for part in chain([first], parts):
        begin = 0
        while begin < len(part):
            end = part.rfind(b"\n", begin, begin + _AT_ONCE) + 1
            end = end or part.find(b"\n", begin) + 1
            # A long line is held once.
            yield part if end - begin == len(part) else part[begin:end]
            begin = end


class _RowKinds:
    """The kinds of whole rows that were found to be those of a table."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._seen: set[tuple[type, ...]] = set()

    def fit(self, kinds: tuple[type, ...]) -> bool:
        """Say whether a row of these kinds is one of the table."""
        if kinds in self._seen:
            return True
        wanted = self.shape.kinds
        if len(kinds) != len(wanted):
            return False
        if not all(
            kind in _KINDS[sign] for kind, sign in zip(kinds, wanted, strict=True)
        ):
            return False
        self._seen.add(kinds)
        return True


def _read_together(
    text: bytes, number: int, kinds: _RowKinds
) -> list[list[Any]] | None:
    """Return the rows of whole lines; None where they have to be read one by one.

    The lines become one array, in which each has to be one row. No text of JSON's goes
    on in the next line, so what each begins and ends with are brackets of its own; and
    a row has no list in it, so no bracket closes what another line opened.
    """
    is_of_arrays = (
        len(text) <= _AT_ONCE
        and text[:1] == b"["
        and text[-2:] == b"]\n"
        and text.count(b"]\n[") == number - 1
    )
    if not is_of_arrays:
        return None
    try:
        rows = read_json(b"[%b]" % text[:-1].replace(b"\n", b",\n"))
    except (ValueError, RecursionError):
        return None
    if len(rows) != number or {*map(type, rows)} != {list}:
        return None
    of_rows = {tuple(map(type, row)) for row in rows}
    return rows if all(map(kinds.fit, of_rows)) else None


def _read_row(where: str, line: bytes, kinds: _RowKinds) -> list[Any]:
    try:
        row = read_json(line)
    except (ValueError, TypeError, RecursionError) as fault:
        raise BadRecord(where, f"it is no row ({fault})") from None
    if type(row) is not list or not kinds.fit(tuple(map(type, row))):
        _refuse(where, kinds.shape, row)
    return list(row)


def _refuse(where: str, shape: Shape, row: Any) -> None:
    """Say what is wrong with a row."""
    if type(row) is not list or len(row) != len(shape.columns):
        raise BadRecord(where, f"a row has {len(shape.columns)} columns")
    for column, kind, value in zip(shape.columns, shape.kinds, row, strict=True):
        if type(value) not in _KINDS[kind]:
            wanted = "a whole number" if kind in "iI" else "a text"
            raise BadRecord(where, f"{column} is {type(value).__name__}, not {wanted}")


def check_header(file: str, line: bytes, columns: list[str]) -> None:
    """Raise BadRecord unless the first line of a table names its columns."""
    if line != canonical(columns):
        why = f"it does not name the columns {', '.join(columns)}"
        raise BadRecord(f"{file}, line 1", why)


# bundle_names
# Names in a bundle: its own files, and what a system left beside them.

MANIFEST, SEAL, GUIDE, PROGRAM = (
    "manifest.json",
    "manifest.sig",
    "README.txt",
    "verify.py",
)
NAMES = frozenset(
    {MANIFEST, SEAL, GUIDE, PROGRAM, EVENTS, HEADS, *TABLE_FILES.values()}
)
TABLES = "tables"
# What file managers and archivers write into folders that they were in.
_LEFT_BEHIND = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r"})
_LEFT_FOLDER, _LEFT_BEGINNING = "__MACOSX", "._"


class BundleNames(NamedTuple):
    """Where each file of a bundle lies, and what lies there and is none of it."""

    places: dict[str, str]
    left: list[str]


def sort_names(names: Sequence[str], folders: Collection[str]) -> BundleNames:
    """Tell a bundle's files from what was left there; all may lie in one folder more.

    Raises BadRecord for a name that is none of a bundle, there twice, or missing.
    """
    for name in (*names, *folders):
        if not _stays_inside(name):
            raise BadRecord(shown(name), "no bundle has a file of this name")
    left = [name for name in names if _is_left(name)]
    own = [name for name in names if not _is_left(name)]
    above = _folder_above(own)
    for folder in folders:
        if folder not in {above, f"{above}{TABLES}/"} and not _is_left(folder):
            raise BadRecord(shown(folder), "no bundle has a folder of this name")
    inner = [name.removeprefix(above) for name in own]
    _check_names(inner)
    places = dict(zip(inner, own, strict=True))
    return BundleNames(places, sorted(shown(name) for name in left))


def _stays_inside(name: str) -> bool:
    """Say whether a name leads nowhere else, on whatever system it is unpacked."""
    parts = name.removesuffix("/").split("/")
    return {"", ".", ".."}.isdisjoint(parts) and {"\\", ":"}.isdisjoint(name)


def _is_left(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    last = parts[-1]
    is_known = last.lower() in _LEFT_BEHIND or last.startswith(_LEFT_BEGINNING)
    return is_known or _LEFT_FOLDER in parts[:2]


def _folder_above(names: Collection[str]) -> str:
    """Return the one folder that a bundle lies in, with its slash, or nothing."""
    first = min(names, default="").partition("/")
    above = first[0] + first[1]
    is_above = (
        first[1] == "/"
        and first[0] not in {"", ".", "..", TABLES}
        and f"{above}{MANIFEST}" in names
        and all(name.startswith(above) for name in names)
    )
    return above if is_above else ""


def _check_names(names: list[str]) -> None:
    for name in names:
        if name not in NAMES:
            raise BadRecord(shown(name), "no bundle has a file of this name")
    for name, times in Counter(names).items():
        if times > 1:
            raise BadRecord(name, "it is there twice")
    missing = sorted(NAMES - LATER_FILES - set(names))
    if missing:
        raise BadRecord(missing[0], "it is missing")


# zip_layout
# The layout of a zip file: every reader has to see the same files in it.

_END_OF_DIRECTORY = b"PK\x05\x06"
_ZIP_END, _LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s5H3L2H")
_TAIL = _ZIP_END.size + 65_535
# Larger numbers stand in two records of their own, between the list and the end.
_LARGE_END, _LARGE_PLACE = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_LARGE_RECORDS = _LARGE_END.size + _LARGE_PLACE.size
_LARGE, _MANY = 0xFFFF_FFFF, 0xFFFF
_ENCRYPTED, _SIZES_FOLLOW = 0x1 | 0x40, 0x8
_LONGEST_SIZES_AFTER = 24
_EXTRA, _LARGE_SIZES, _ANOTHER_NAME = struct.Struct("<2H"), 0x0001, 0x7075
_LARGEST_DIRECTORY, _PIECE = 2**20, 2**14


class DirectoryEnd(NamedTuple):
    """The last record of a zip file: where it stands, and what it says of the list."""

    at: int
    members: int
    size: int
    start: int


def find_end(file: BinaryIO) -> DirectoryEnd:
    """Return the end of the list of files, before anything reads the list.

    Raises BadZipFile, as all of these do. A comment could hold another end.
    """
    length = file.seek(0, 2)
    file.seek(max(length - _TAIL, 0))
    tail = file.read(_TAIL)
    place = tail.rfind(_END_OF_DIRECTORY)
    if place < 0 or len(tail) - place < _ZIP_END.size:
        raise zipfile.BadZipFile("its end is missing")
    fields = _ZIP_END.unpack_from(tail, place)
    _, disk, first_disk, here, members, size, start, comment = fields
    if comment or len(tail) - place != _ZIP_END.size:
        raise zipfile.BadZipFile("something follows its end")
    if size > _LARGEST_DIRECTORY and size != _LARGE:
        raise zipfile.BadZipFile("its list of files is far too long")
    if not {disk, first_disk} <= {0, _MANY} or here != members:
        raise zipfile.BadZipFile("it is one of several parts")
    return DirectoryEnd(length - _ZIP_END.size, members, size, start)


def check_layout(file: BinaryIO, archive: zipfile.ZipFile, end: DirectoryEnd) -> None:
    """Check that files follow one another, and are named alike where they stand.

    Some readers go from file to file, others by the list at the end.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    _check_end(file, end, len(members), archive.start_dir)
    starts = [*(member.header_offset for member in members), archive.start_dir]
    if starts[0] != 0:
        raise zipfile.BadZipFile("there is something before its files")
    for member, following in zip(members, starts[1:], strict=True):
        file.seek(_check_local(file, member))
        gap = following - file.tell()
        if not 0 <= gap <= _LONGEST_SIZES_AFTER or file.read(gap) not in _after(member):
            raise zipfile.BadZipFile("there is something between its files")


def _check_end(file: BinaryIO, end: DirectoryEnd, members: int, start: int) -> None:
    """Check that whatever says where the list is says the same."""
    file.seek(max(end.at - _LARGE_RECORDS, 0))
    records = file.read(_LARGE_RECORDS)
    last = records[_LARGE_END.size :]
    has_records = last.startswith(b"PK\x06\x07")
    size = end.at - start - (_LARGE_RECORDS if has_records else 0)
    at = end.at - _LARGE_RECORDS
    if has_records and _LARGE_PLACE.unpack(last)[1:] != (0, at, 1):
        raise zipfile.BadZipFile("its list is said to be in two places")
    if has_records:
        signature, length, _, _, *said = _LARGE_END.unpack_from(records)
        whole = signature == b"PK\x06\x06" and length == _LARGE_END.size - 12
        if not whole or said != [0, 0, members, members, size, start]:
            raise zipfile.BadZipFile("its list is said to be in two places")
    if end.members not in {members, *([_MANY] if has_records else [])}:
        raise zipfile.BadZipFile("its list has another number of files than it says")
    large = {_LARGE} if has_records else set()
    if end.size not in {size} | large or end.start not in {start} | large:
        raise zipfile.BadZipFile("there is something before its end")


def _after(member: zipfile.ZipInfo) -> set[bytes]:
    """Return what may follow a file: nothing, or its sizes once more."""
    if not member.flag_bits & _SIZES_FOLLOW:
        return {b""}
    sizes = member.CRC, member.compress_size, member.file_size
    forms = ["<L2Q", "<3L"] if max(sizes) <= _LARGE else ["<L2Q"]
    said = {struct.pack(form, *sizes) for form in forms}
    return said | {b"PK\x07\x08" + each for each in said}


def _check_local(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Compare a file's own heading with the list; returns where its data ends."""
    file.seek(member.header_offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size:
        raise zipfile.BadZipFile("a heading is cut off")
    heading = _LOCAL.unpack(raw)
    _, _, flags, method, _, _, crc, packed, size, name_length, more = heading
    name = file.read(name_length)
    extras = dict(_extras(file.read(more)))
    names = extras.keys() | dict(_extras(member.extra)).keys()
    # Where sizes follow, there may be none here.
    unsaid = {0} if flags & _SIZES_FOLLOW else set()
    large = iter(struct.iter_unpack("<Q", extras.get(_LARGE_SIZES, b"")[:16]))
    sizes = [
        next(large, (said,))[0] if said == _LARGE else said for said in (size, packed)
    ]
    same = (
        name == _raw_name(member)
        and _ANOTHER_NAME not in names
        and flags == member.flag_bits
        and method == member.compress_type
        and crc in {member.CRC} | unsaid
        and sizes[0] in {member.file_size} | unsaid
        and sizes[1] in {member.compress_size} | unsaid
    )
    if not same:
        raise zipfile.BadZipFile("a file is named in two ways")
    heading_size = _LOCAL.size + len(name) + int(more)
    return member.header_offset + heading_size + member.compress_size


def _extras(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of what else is said of a file: (kind, content)."""
    seen = set()
    while raw:
        kind, size = _EXTRA.unpack_from(raw)
        content, rest = raw[_EXTRA.size :][:size], raw[_EXTRA.size + size :]
        if len(content) < size or kind in seen:
            raise zipfile.BadZipFile("a file is described in two ways")
        seen.add(kind)
        yield kind, content
        raw = rest


def check_packed(file: BinaryIO, member: zipfile.ZipInfo) -> None:
    """Check that a file's packing ends where the list says, and not before.

    Readers that go from file to file look for the next one where the packing ends.
    """
    if member.compress_type == zipfile.ZIP_STORED or not member.compress_size:
        if member.compress_size != member.file_size:
            raise zipfile.BadZipFile("it has another size than the list says")
        return
    file.seek(member.header_offset + _LOCAL.size - 4)
    lengths = struct.unpack("<2H", file.read(4))
    file.seek(sum(lengths), 1)
    left, size, inflate = member.compress_size, 0, zlib.decompressobj(-zlib.MAX_WBITS)
    while left and not inflate.eof and size <= member.file_size:
        packed = file.read(min(left, _PIECE))
        left -= len(packed)
        size += len(inflate.decompress(packed))
    is_whole = inflate.eof and not left and not inflate.unused_data
    if not is_whole or size != member.file_size:
        raise zipfile.BadZipFile("its packing ends elsewhere than the list says")


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    utf8 = member.flag_bits & 0x800
    return member.orig_filename.encode("utf-8" if utf8 else "cp437")


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Say whether a file can only be read with a password."""
    return bool(member.flag_bits & _ENCRYPTED)


# containers
# Where a bundle lies: a zip file, or the folder that it was unpacked into.

LONGEST_LINE = 64 * 2**20
# Deflate packs up to 1,030 times; ledgers pack some 20 times.
MOST_PACKED, SMALL = 200, 2**20
_CHUNK = 2**20
_DOS_FOLDER = 0x10
# What Python's zip reader raises when it is fed with nonsense.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
    OSError,
    MemoryError,
    struct.error,
)


class Container(Protocol):
    """A bundle's files, each with its size, and what lies there and is none of it."""

    sizes: dict[str, int]
    left: list[str]

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_container(path: Path) -> Container:
    """Open a bundle; raises Unreadable when there is none, BadRecord for an odd one."""
    if path.is_dir():
        return FolderBundle(path)
    if not path.is_file():
        raise Unreadable(f"there is no bundle {path}; give a zip file or a folder")
    return ZipBundle(path)


class FolderBundle:
    """A bundle that was unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names, folders = [], []
        for path in _all_below(folder):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise BadRecord(shown(name), "it is a link; a bundle has only files")
            if path.is_dir():
                folders.append(f"{name}/")
            elif path.is_file():
                names.append(name)
            else:  # to open it might never end
                raise BadRecord(shown(name), "it is a device or a pipe, and no file")
        self._places, self.left = sort_names(names, folders)
        self.sizes = {
            name: (folder / place).stat().st_size
            for name, place in self._places.items()
        }

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return (self._folder / self._places[name]).open("rb")

    def close(self) -> None:
        """Nothing is held."""


def _all_below(folder: Path) -> list[Path]:
    try:
        return sorted(folder.rglob("*"))
    except RecursionError:
        why = "its folders lie deeper than those of any bundle"
        raise BadRecord(shown(folder.name), why) from None


class ZipBundle:
    """A bundle as it was sent; nothing of it is written anywhere."""

    def __init__(self, path: Path) -> None:
        self._zip = _open_zip(path)
        try:
            members = self._zip.infolist()
            for member in members:
                _check_member(member)
            _check_packing(path, members)
            files = [
                member.orig_filename for member in members if not _is_folder(member)
            ]
            folders = [member.orig_filename for member in members if _is_folder(member)]
            self._places, self.left = sort_names(files, folders)
        except BadRecord:
            self._zip.close()
            raise
        self.sizes = {
            name: self._zip.getinfo(place).file_size
            for name, place in self._places.items()
        }

    def open(self, name: str) -> BinaryIO:
        """Open a member for reading; raises BadRecord."""
        try:
            return cast(BinaryIO, self._zip.open(self._places[name]))
        except _BROKEN as fault:
            raise BadRecord(name, f"it cannot be unpacked ({fault})") from None

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        with path.open("rb") as file:
            end = find_end(file)
            archive = zipfile.ZipFile(path)
            try:
                check_layout(file, archive, end)
            except _BROKEN:
                archive.close()
                raise
            return archive
    except _BROKEN as fault:
        why = f"it is no whole zip file ({fault}); ask for it again"
        raise BadRecord(shown(path.name), why) from None


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return member.orig_filename.endswith("/") and not member.file_size


def _check_member(member: zipfile.ZipInfo) -> None:
    name = shown(member.orig_filename)
    if member.filename != member.orig_filename:
        raise BadRecord(name, "no bundle has a file of this name")
    kind = stat.S_IFMT(member.external_attr >> 16)
    own = stat.S_IFDIR if _is_folder(member) else stat.S_IFREG
    marked_as_folder = member.external_attr & _DOS_FOLDER and not _is_folder(member)
    if kind not in {0, own} or marked_as_folder:
        raise BadRecord(name, "it would be unpacked as a link or a device, no file")
    if is_encrypted(member):
        raise BadRecord(name, "it is encrypted; a bundle is not")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BadRecord(name, "it is packed in a way that only bombs need")
    if member.file_size > max(SMALL, MOST_PACKED * member.compress_size):
        claim = f"{member.compress_size:,} bytes claim to hold {member.file_size:,}"
        raise BadRecord(name, f"{claim}; no ledger packs so well")


def _check_packing(path: Path, members: list[zipfile.ZipInfo]) -> None:
    with path.open("rb") as file:
        for member in members:
            try:
                check_packed(file, member)
            except _BROKEN as fault:
                why = f"it cannot be unpacked ({fault})"
                raise BadRecord(shown(member.orig_filename), why) from None


def read_chunks(container: Container, name: str) -> Iterator[bytes]:
    """Yield a file piece by piece; raises BadRecord when it cannot be unpacked."""
    with container.open(name) as file:
        try:
            # As Python 3.7 and older read it, too: they get to say that they are old.
            yield from iter(partial(file.read, _CHUNK), b"")
        except _BROKEN as fault:
            raise BadRecord(name, f"it cannot be unpacked ({fault})") from None


def read_whole(container: Container, name: str, most: int) -> bytes:
    """Return a small file; raises BadRecord when it is larger than `most` bytes."""
    if container.sizes[name] > most:
        raise BadRecord(name, f"it has {container.sizes[name]:,} bytes, over {most:,}")
    return b"".join(read_chunks(container, name))


class BundleLines:
    """The lines of a bundle's files."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, each with its end, as many as come at once.

        A file that older bundles do not have gives none.
        """
        if name not in self._container.sizes:
            return
        rest = b""
        for chunk in read_chunks(self._container, name):
            end = chunk.rfind(b"\n") + 1
            if end:
                # A line may be long: whoever reads it is the only one to hold it.
                whole, rest = [rest + chunk[:end]], chunk[end:]
                yield whole.pop()
                continue
            rest += chunk
            if len(rest) > LONGEST_LINE:
                raise BadRecord(name, f"a line is longer than {LONGEST_LINE:,} bytes")
        if rest:
            raise BadRecord(name, "its last line has no end")


# manifest
# The manifest: what a bundle says it holds, who signed it, and whether it does.

FORMAT = "pamela-billing audit bundle 4"
# Earlier formats have not the tables that came later, and list open items.
_READABLE = {FORMAT, *(f"pamela-billing audit bundle {n}" for n in (1, 2, 3))}
# So much is read before anybody is known to have signed it.
_LARGEST_MANIFEST, _LARGEST_SEAL = 2**20, 1_000
_NAMED_KEY = re.compile(rb'"public_key": ?"([0-9a-f]{64})"')
_PARTS_OF_MANIFEST: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "period": str,
    "provisional": bool,
    "key": str,
    "public_key": str,
    "files": dict,
    "chain": dict,
    "totals": list,
    "close": (dict, type(None)),
    "reconciliation": (dict, type(None)),
    "run_by": str,
    "run_at": str,
    "code_version": str,
    "parameters": dict,
    "time_zone": str,
}


class Manifest(NamedTuple):
    """A manifest that was signed by the key that it names."""

    period: str
    key: str
    public_key: str
    files: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]


def fingerprint(public_key: bytes) -> str:
    """Return the name that a key goes by: the first half of its SHA-256."""
    return sha256(public_key).hexdigest()[:32]


def read_manifest(container: Container, trusted: str | None = None) -> Manifest:
    """Return the manifest, once its signature is right; raises BadRecord.

    Nothing of it is parsed before: who signs it, if not the key that is trusted?
    """
    raw = read_whole(container, MANIFEST, _LARGEST_MANIFEST)
    seal = read_whole(container, SEAL, _LARGEST_SEAL)
    signer = _signer(raw, seal, trusted)
    try:
        document = read_json(raw.rstrip())
    except (ValueError, RecursionError) as fault:
        raise BadRecord(MANIFEST, f"it is no JSON document ({fault})") from None
    if type(document) is not dict or document.keys() != _PARTS_OF_MANIFEST.keys():
        raise BadRecord(
            MANIFEST, f"it has not the parts {', '.join(_PARTS_OF_MANIFEST)}"
        )
    for name, kind in _PARTS_OF_MANIFEST.items():
        if not isinstance(document[name], kind):
            raise BadRecord(MANIFEST, f"its {name} is no such thing")
    if document["format"] not in _READABLE:
        raise BadRecord(MANIFEST, f"its format is not `{FORMAT}`")
    if not MONTH.fullmatch(document["period"]):
        raise BadRecord(MANIFEST, "its period is no month")
    key, public_key = document["key"], document["public_key"]
    if public_key != signer.hex():
        raise BadRecord(MANIFEST, "it names a key that did not sign it")
    if fingerprint(signer) != key:
        raise BadRecord(MANIFEST, "the key has another fingerprint than it names")
    return Manifest(
        period=document["period"],
        key=key,
        public_key=public_key,
        files=document["files"],
        document=document,
    )


def _signer(raw: bytes, seal: bytes, trusted: str | None) -> bytes:
    """Return the public key that signed these bytes; raises BadRecord."""
    named = _NAMED_KEY.findall(raw)
    if len(named) != 1:
        raise BadRecord(MANIFEST, "it does not name one public key")
    public_key = bytes.fromhex(named[0].decode())
    key = fingerprint(public_key)
    if trusted is not None and key != trusted.strip().lower():
        raise BadRecord(
            SEAL, f"it is signed by the key {key}, not by the one you trust"
        )
    if is_weak(public_key):
        raise BadRecord(SEAL, f"anybody can sign for the key {key}: its order is small")
    if not is_signed(public_key, raw, _signature(seal)):
        raise BadRecord(SEAL, f"it is no signature over {MANIFEST} by the key {key}")
    return public_key


def _signature(seal: bytes) -> bytes:
    try:
        text = seal.decode("ascii")
        if text != text.strip().lower() + "\n":
            raise ValueError("not one line of hex")
        return bytes.fromhex(text)
    except ValueError as fault:
        raise BadRecord(SEAL, f"it is no signature ({fault})") from None


def check_files(container: Container, manifest: Manifest) -> None:
    """Compare every file with the size, the lines and the SHA-256 in the manifest."""
    sealed = container.sizes.keys() - {MANIFEST, SEAL}
    if manifest.files.keys() != sealed:
        odd = min(manifest.files.keys() ^ sealed)
        raise BadRecord(MANIFEST, f"it names the wrong files, as for {odd[:80]!r}")
    for name in sorted(sealed):
        named = manifest.files[name]
        if type(named) is not dict or named.keys() != {"bytes", "lines", "sha256"}:
            raise BadRecord(MANIFEST, f"it says too little of {name}")
        if container.sizes[name] != named["bytes"]:
            sizes = f"{container.sizes[name]:,} bytes, not {named['bytes']!r:.20}"
            raise BadRecord(name, f"it has {sizes} as the manifest says")
    for name in sorted(sealed):
        _check_content(container, name, manifest.files[name])


def _check_content(container: Container, name: str, named: Mapping[str, Any]) -> None:
    hasher, lines, size = sha256(), 0, 0
    for chunk in read_chunks(container, name):
        hasher.update(chunk)
        lines += chunk.count(b"\n")
        size += len(chunk)
        if size > named["bytes"]:
            raise BadRecord(name, "it is longer than it says")
    if size != named["bytes"]:
        raise BadRecord(name, f"it ends after {size:,} of {named['bytes']:,} bytes")
    if hasher.hexdigest() != named["sha256"]:
        raise BadRecord(
            name, "its SHA-256 is not the one in the manifest: it was altered"
        )
    if lines != named["lines"]:
        raise BadRecord(
            name, f"it has {lines:,} lines, not as many as the manifest says"
        )


# workspace
# The workspace: a temporary database for what is needed in another order.

_CACHE_KIB = 64 * 1024
_SCHEMA = """
CREATE TABLE event (sequence INTEGER PRIMARY KEY, hash TEXT, at TEXT);
CREATE TABLE cover (
  tbl TEXT, period TEXT, first INTEGER, last INTEGER, rows INTEGER, sha TEXT,
  sequence INTEGER, PRIMARY KEY (tbl, period, first)
) WITHOUT ROWID;
CREATE TABLE entry (
  tbl TEXT, key, sha BLOB, period TEXT, sequence INTEGER, first INTEGER,
  since INTEGER, PRIMARY KEY (tbl, key)
) WITHOUT ROWID;
CREATE TABLE held (tbl TEXT, key, sha BLOB, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
CREATE TABLE head (number INTEGER PRIMARY KEY, event INTEGER);
CREATE TABLE customer (name TEXT PRIMARY KEY, stripe_customer TEXT);
CREATE TABLE account (
  name TEXT PRIMARY KEY, customer TEXT, customer_metadata_key TEXT
);
CREATE TABLE pull (id INTEGER PRIMARY KEY);
CREATE TABLE call (
  id INTEGER PRIMARY KEY, account TEXT, call_id TEXT, revision INTEGER, period TEXT,
  status TEXT, started_at TEXT, duration_seconds INTEGER, customer TEXT,
  not_billable TEXT, extract_sha256 TEXT, pull_id INTEGER
);
CREATE TABLE b2b_usage (
  id INTEGER PRIMARY KEY, type TEXT, account TEXT, customer TEXT, call_id TEXT,
  call_revision INTEGER, period TEXT, hour TEXT, call_hour TEXT,
  billed_minutes INTEGER, amount_micro INTEGER, currency TEXT, price_id INTEGER,
  corrects INTEGER, pull_id INTEGER, posted_at TEXT
);
CREATE TABLE frozen (
  period TEXT, account TEXT, call_id TEXT, name INTEGER, line TEXT
);
CREATE TABLE bound (
  usage INTEGER, event INTEGER, PRIMARY KEY (event, usage)
) WITHOUT ROWID;
CREATE TABLE carrier (event INTEGER PRIMARY KEY, rows INTEGER);
CREATE TABLE meter_event (
  id INTEGER PRIMARY KEY, identifier TEXT, customer TEXT, stripe_customer TEXT,
  meter TEXT, livemode INTEGER, period TEXT, hour TEXT, sequence INTEGER,
  timestamp TEXT, minutes INTEGER, amount_micro INTEGER, usage_rows INTEGER,
  state TEXT, reason TEXT, evidence TEXT, carries TEXT, rearmed_at TEXT
);
CREATE TABLE meter_attempt (
  id INTEGER PRIMARY KEY, event_id INTEGER, number INTEGER, started_at TEXT,
  verdict TEXT, kind TEXT
);
CREATE TABLE meter_reading (
  id INTEGER PRIMARY KEY, event_id INTEGER, minutes INTEGER
);
CREATE TABLE adoption (
  id INTEGER PRIMARY KEY, kind TEXT, customer TEXT, stripe_customer TEXT, meter TEXT,
  livemode INTEGER, from_hour TEXT
);
CREATE TABLE meter_opening (
  id INTEGER PRIMARY KEY, adoption_id INTEGER, event_id INTEGER UNIQUE,
  minutes INTEGER
);
CREATE TABLE call_decision (
  id INTEGER PRIMARY KEY, account TEXT, call_id TEXT, revision INTEGER,
  seconds INTEGER, evidence TEXT, at TEXT, actor TEXT, reason TEXT
);
CREATE TABLE price (
  id INTEGER PRIMARY KEY, effective_from TEXT, per_minute TEXT, currency TEXT
);
CREATE TABLE period_close (
  period TEXT PRIMARY KEY, closed_at TEXT, closed_by TEXT, digest TEXT, totals TEXT
);
CREATE TABLE reconciliation_run (
  id INTEGER PRIMARY KEY, period TEXT, started_at TEXT, settled INTEGER,
  complete INTEGER, difference_minutes INTEGER, breaks INTEGER
);
CREATE TABLE reconciliation_reading (
  id INTEGER PRIMARY KEY, run_id INTEGER, pamela_minutes INTEGER,
  ledger_minutes INTEGER, stripe_minutes INTEGER, invoiced_minutes INTEGER
);
CREATE TABLE reconciliation_break (
  id INTEGER PRIMARY KEY, run_id INTEGER, minutes INTEGER, amount_micro INTEGER,
  case_id INTEGER
);
CREATE INDEX break_of_case ON reconciliation_break (case_id);
CREATE TABLE break_case (
  id INTEGER PRIMARY KEY, period TEXT, customer TEXT, account TEXT, cause TEXT,
  opened_at TEXT, opened_run INTEGER, acknowledged_at TEXT, acknowledged_by TEXT,
  reason TEXT, resolved_at TEXT
);
"""


@contextmanager
def open_workspace() -> Iterator[sqlite3.Connection]:
    """Open a database that is gone at the end, and never keeps much in memory."""
    with TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "work.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as work:
            work.execute("PRAGMA journal_mode = OFF")
            work.execute("PRAGMA synchronous = OFF")
            work.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            work.execute("PRAGMA temp_store = FILE")
            work.executescript(_SCHEMA)
            work.execute("BEGIN")
            yield work


def columns_of(work: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns of a table that are kept; none for one that is not."""
    return [row[1] for row in work.execute(f"PRAGMA table_info({table})")]


# keys
# Keys and heads: who signed the chain, and how far each signature reaches.

REGISTERED, ROTATED = "key.registered", "key.rotated"
KEY_ACTIONS = frozenset({REGISTERED, ROTATED})
_HEAD_FORMAT, _KEY_FORMAT = "pamela-billing head 1", "pamela-billing key 1"
_PARTS_OF_HEAD = frozenset(
    {"at", "event", "format", "hash", "key", "number", "previous"}
)
NO_HEAD = "0" * 64


class KeyRing:
    """The keys of a chain: the first, and each that the one before it endorsed."""

    def __init__(self) -> None:
        self._since: list[int] = []
        self._public: list[bytes] = []

    def take(
        self, where: str, number: int, action: str, detail: Mapping[str, Any]
    ) -> None:
        """Take the key that an event brings in; raises BadRecord."""
        public_key = unhex(detail["public_key"], KEY_BYTES)
        if fingerprint(public_key) != detail["key"]:
            raise BadRecord(where, "its key has another fingerprint than it names")
        if is_weak(public_key):
            raise BadRecord(where, "anybody can sign for its key: its order is small")
        if action == REGISTERED and self._public:
            raise BadRecord(
                where, "a second key comes in that the first does not endorse"
            )
        if action == ROTATED:
            self._check_endorsement(where, detail)
        self._since.append(number)
        self._public.append(public_key)

    def _check_endorsement(self, where: str, detail: Mapping[str, Any]) -> None:
        if not self._public or fingerprint(self._public[-1]) != detail["old"]:
            raise BadRecord(where, "it replaces a key that is not in force")
        endorsed = {
            "format": _KEY_FORMAT,
            **{k: detail[k] for k in ("key", "public_key", "old")},
        }
        endorsement = unhex(detail["endorsement"], SIGNATURE_BYTES)
        if not is_signed(self._public[-1], canonical(endorsed), endorsement):
            raise BadRecord(where, "the old key did not endorse the new one")

    def at(self, event: int) -> bytes | None:
        """Return the key in force at an event; None before the first."""
        place = bisect_right(self._since, event)
        return self._public[place - 1] if place else None

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints of all keys, the first one first."""
        return [fingerprint(key) for key in self._public]


class _LastHead(NamedTuple):
    """The head that the next one has to follow; none has the number 0."""

    number: int
    hash: str
    event: int


def check_heads(
    source: LineSource, work: sqlite3.Connection, keys: KeyRing
) -> tuple[int, str]:
    """Check every signed head against the chain; returns their number and last hash."""
    last = _LastHead(0, NO_HEAD, 0)
    for number, line in enumerate(read_lines(source, HEADS), start=1):
        where = f"{HEADS}, head {number}"
        try:
            document = read_json(line)
            text = document["line"].encode()
            signature = unhex(document["signature"], SIGNATURE_BYTES)
            if canonical(document) != line or document.keys() != {"line", "signature"}:
                raise BadRecord(
                    where, "it is not a line and its signature, and only that"
                )
            head = read_json(text)
            event = _check_head(where, work, head, last)
            _check_signature(where, keys.at(event), head["key"], text, signature)
        except NONSENSE as fault:
            raise BadRecord(where, f"it is no signed head ({fault!r:.80})") from None
        work.execute("INSERT INTO head VALUES (?, ?)", (number, event))
        last = _LastHead(number, digest(text), event)
    return last.number, last.hash


def _check_head(
    where: str,
    work: sqlite3.Connection,
    head: Mapping[str, Any],
    last: _LastHead,
) -> int:
    if head.keys() != _PARTS_OF_HEAD or head["format"] != _HEAD_FORMAT:
        raise BadRecord(where, f"it is no `{_HEAD_FORMAT}`")
    if head["number"] != last.number + 1 or head["previous"] != last.hash:
        raise BadRecord(where, "it does not follow the head before it")
    event = head["event"]
    if type(event) is not int or event < last.event:
        raise BadRecord(where, "it signs less than the head before it")
    query = "SELECT hash FROM event WHERE sequence = ?"
    row = work.execute(query, (event,)).fetchone()
    if row is None:
        raise BadRecord(where, f"it signs event {event}, and the chain ends before it")
    if row[0] != head["hash"]:
        raise BadRecord(where, f"it signs another event {event} than the chain has")
    return event


def _check_signature(
    where: str, key: bytes | None, named: str, text: bytes, signature: bytes
) -> None:
    if key is None or fingerprint(key) != named:
        raise BadRecord(
            where, f"its key {named!r:.40} is not the one in force at its event"
        )
    if not is_signed(key, text, signature):
        raise BadRecord(where, f"it is not signed by the key {named}")


# states
# States: a row's states follow one another, and what was registered stays so.

# What an event says of a row holds until a later one says something else of it.
_ADD_ENTRY = """
INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tbl, key) DO UPDATE SET
  since = CASE WHEN sha = excluded.sha THEN since ELSE excluded.since END,
  sha = excluded.sha, period = excluded.period, sequence = excluded.sequence
"""
_NEWEST = "SELECT sha FROM entry WHERE tbl = ? AND key = ?"
_VOIDED = "event.voided"
_REGISTERED = {
    "customer.registered": ("customer", ("stripe_customer",)),
    "account.registered": ("account", ("customer", "customer_metadata_key")),
}


class RowStates:
    """What the trail says of rows that move, and of what it registered and gave up."""

    def __init__(self, work: sqlite3.Connection) -> None:
        self._work = work
        # Since when each entry of a row that was there says what it was before.
        self._linked = False
        self._registered: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._voided: set[str] = set()

    def take(
        self, where: str, number: int, cover: Mapping[str, Any], last: Mapping[str, int]
    ) -> None:
        """Keep what an event says of rows, which were as an earlier one said.

        `last` is the last row of each table before that event; raises BadRecord.
        """
        table, period = cover["table"], cover["period"]
        end = last.get("meter_event" if table == BINDING else table, 0)
        numbered = table == BINDING or SHAPES[table].key == "id"
        entries = []
        for key, sha, *before in cover["each"]:
            self._linked = self._linked or bool(before)
            if self._linked and not (numbered and key > end):
                self._follow(where, table, key, before)
            elif before:
                raise BadRecord(where, f"it says what the new row {key} of {table} was")
            sha256 = bytes.fromhex(sha)
            entries.append((table, key, sha256, period, number, number, number))
        self._work.executemany(_ADD_ENTRY, entries)

    def _follow(self, where: str, table: str, key: Any, before: list[str]) -> None:
        row = self._work.execute(_NEWEST, (table, key)).fetchone()
        said = [row[0].hex()] if row else []
        if before != said:
            name = f"row {key!r:.60} of {table}"
            raise BadRecord(where, f"{name} was not as the event before said of it")

    def note(self, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Keep whom an event registers, and which meter event it gives up."""
        if action != _VOIDED and action not in _REGISTERED:
            return
        for of_subject, said in detail.get("each", [[subject, detail]]):
            if action == _VOIDED:
                self._voided.add(said["event"])
            else:
                table, _ = _REGISTERED[action]
                self._registered[table, of_subject] = said["is"]

    def check(self) -> None:
        """Compare the rows with what was registered and given up; raises BadRecord."""
        for table, fields in _REGISTERED.values():
            query = f"SELECT name, {', '.join(fields)} FROM {table}"
            for name, *values in self._work.execute(query):
                said = self._registered.get((table, name))
                if said is not None and values != [said[field] for field in fields]:
                    why = "it is not as it was registered last"
                    raise BadRecord(f"{TABLE_FILES[table]}, row {name!r:.60}", why)
        events = "SELECT id, identifier, COALESCE(reason, '') FROM meter_event"
        for number, identifier, reason in self._work.execute(events):
            if (reason == "voided") != (identifier in self._voided):
                where = f"{TABLE_FILES['meter_event']}, row {number}"
                raise BadRecord(where, "its row or the trail says that it is given up")


# chain
# The chain: every audit event holds the hash of the one before, and what it covers.

NOTHING = "0" * 64
_PARTS = frozenset(
    {
        "action",
        "actor",
        "at",
        "covers",
        "detail",
        "previous",
        "reason",
        "sequence",
        "state",
        "subject",
    }
)
_ADD_EVENT = "INSERT INTO event VALUES (?, ?, ?)"
_ADD_COVER = "INSERT INTO cover VALUES (?, ?, ?, ?, ?, ?, ?)"


class Balance(NamedTuple):
    """All rows of usage: how many they are, and what they add up to."""

    rows: int
    minutes: int
    amount_micro: int


class Chain(NamedTuple):
    """A chain without a gap: its length, its end, its keys and its last balance."""

    events: int
    hash: str
    keys: KeyRing
    balance: Balance
    # What each event that adds usage adds to the balance: (sequence, sums).
    gains: Mapping[int, Balance]
    states: RowStates


def follow_chain(source: LineSource, work: sqlite3.Connection) -> Chain:
    """Follow the events, first to last; raises BadRecord at the first fault."""
    walk = _Walk(work)
    for number, line in enumerate(read_lines(source, EVENTS), start=1):
        where = f"{EVENTS}, event {number}"
        try:
            walk.step(where, number, line)
        except sqlite3.IntegrityError as fault:
            raise BadRecord(where, f"it covers something twice ({fault})") from None
        except NONSENSE as fault:
            raise BadRecord(where, f"it is no audit event ({fault!r:.80})") from None
    if not walk.sequence:
        raise BadRecord(EVENTS, "there are no audit events, so nothing is shown")
    return Chain(
        events=walk.sequence,
        hash=walk.hash,
        keys=walk.keys,
        balance=walk.balance,
        gains=walk.gains,
        states=walk.states,
    )


class _Walk:
    """How far a chain was followed."""

    def __init__(self, work: sqlite3.Connection) -> None:
        self._work = work
        self._last: dict[str, int] = {}
        self.sequence, self.hash = 0, NOTHING
        self.balance = Balance(0, 0, 0)
        self.gains: dict[int, Balance] = {}
        self.keys = KeyRing()
        self.states = RowStates(work)

    def step(self, where: str, number: int, line: bytes) -> None:
        """Take the next event."""
        event = read_json(line)
        if type(event) is not dict or event.keys() != _PARTS:
            raise BadRecord(where, f"it has not the parts {', '.join(sorted(_PARTS))}")
        if event["sequence"] != number:
            sequence = f"{event['sequence']!r:.30}"
            raise BadRecord(
                where, f"its sequence is {sequence}: events are missing or moved"
            )
        if event["previous"] != self.hash:
            raise BadRecord(where, "it does not hold the hash of the event before it")
        self.sequence, self.hash = number, digest(line)
        self._work.execute(_ADD_EVENT, (number, self.hash, str(event["at"])))
        rows = sum(self._take(where, number, cover) for cover in event["covers"])
        self._count(where, number, event["state"], rows)
        if event["action"] in KEY_ACTIONS:
            self.keys.take(where, number, event["action"], event["detail"])
        self.states.note(event["action"], event["subject"], event["detail"])

    def _take(self, where: str, number: int, cover: Mapping[str, Any]) -> int:
        """Keep what a cover says; returns how many rows of usage it adds."""
        table, period = cover["table"], cover["period"]
        if table != BINDING and table not in SHAPES:
            raise BadRecord(where, f"it covers an unknown table {table!r:.60}")
        if "each" in cover:
            self.states.take(where, number, cover, self._last)
            return 0
        first, last, rows = cover["first"], cover["last"], cover["rows"]
        numbers = first, last, rows
        if (
            any(type(number) is not int for number in numbers)
            or not 0 < rows <= last - first + 1
        ):
            raise BadRecord(where, f"its range of {table} is none")
        if not HEX64.fullmatch(cover["sha256"]):
            raise BadRecord(where, f"its digest of {table} is none")
        if first <= self._last.get(table, 0):
            raise BadRecord(
                where, f"it covers rows of {table} that were covered before"
            )
        row_range = (table, period, *numbers, cover["sha256"], number)
        self._work.execute(_ADD_COVER, row_range)
        return rows if table == "b2b_usage" else 0

    def _count(
        self, where: str, number: int, state: Mapping[str, Any], rows: int
    ) -> None:
        last, balance = state["last"], Balance(**state["balance"])
        if any(last.get(table, 0) < end for table, end in self._last.items()):
            raise BadRecord(where, "its state goes back behind an earlier one")
        gain = Balance(
            *(new - old for new, old in zip(balance, self.balance, strict=True))
        )
        if gain.rows != rows or (not rows and any(gain)):
            raise BadRecord(
                where, f"its balance gains {gain.rows} rows, it covers {rows}"
            )
        if rows:
            self.gains[number] = gain
        self._last, self.balance = dict(last), balance


# covers
# Covers: what events say of ranges of rows, compared with the rows themselves.

_COVERS = (
    "SELECT first, last, rows, sha, sequence FROM cover "
    "WHERE tbl = ? AND period = ? ORDER BY first"
)
_END = (1 << 63, 1 << 63, 0, "", 0)


class Months:
    """The months whose rows must all be there; every month where none is named."""

    def __init__(self, period: str | None) -> None:
        self.period = period
        self._wanted = frozenset({"", period})

    def __contains__(self, period: str) -> bool:
        return self.period is None or period in self._wanted

    def condition(self, column: str) -> str:
        """Return the same in SQL."""
        return "1" if self.period is None else f"{column} IN ('', '{self.period}')"


class RowRanges:
    """The ranges of one table and month, each compared with the rows in it."""

    def __init__(
        self, work: sqlite3.Connection, table: str, period: str, *, whole: bool
    ) -> None:
        self._table, self._period, self._whole = table, period, whole
        self._covers = iter(work.execute(_COVERS, (table, period)))
        self._before = 0
        self._next()

    def _next(self) -> None:
        cover: tuple[int, int, int, str, int] = next(self._covers, _END)
        self.first, self.last, self._rows, self._sha, self.sequence = cover
        self._found, self._digest = 0, sha256()

    def take(
        self, numbers: Sequence[int], lines: Sequence[bytes], first: int, until: int
    ) -> int:
        """Take rows of the month, as many as one event covers; returns where they end.

        Their numbers rise up to `until`, and there is one at least. Raises BadRecord.
        """
        self.add(numbers[first], lines[first])
        end = bisect_right(numbers, self.last, first + 1, until)
        if end > first + 1:
            self._before = numbers[end - 1]
            self._found += end - first - 1
            self._digest.update(b"\n".join(lines[first + 1 : end]) + b"\n")
        return end

    def add(self, number: int, line: bytes) -> None:
        """Take the next row of the month; raises BadRecord."""
        if not self._before < number < _END[0]:
            self._refuse(number, "it is out of order, or there twice")
        self._before = number
        while number > self.last:
            self.end()
            self._next()
        if number < self.first:
            self._refuse(number, "no audit event covers it; it was added past them")
        self._found += 1
        self._digest.update(line + b"\n")

    def _refuse(self, number: int, why: str) -> NoReturn:
        raise BadRecord(f"{TABLE_FILES[self._table]}, row {number}", why)

    def end(self) -> None:
        """Compare a range that is over; raises BadRecord."""
        if not self._found and not self._whole:
            return
        of = f"rows {self.first} to {self.last} of {self._period or 'no month'}"
        where = f"{TABLE_FILES[self._table]}, {of}"
        if self._found != self._rows:
            recorded = f"audit event {self.sequence} covers {self._rows}"
            raise BadRecord(where, f"{self._found} rows are there, {recorded}")
        if self._digest.hexdigest() != self._sha:
            why = f"they are not as audit event {self.sequence} recorded them"
            raise BadRecord(where, why)

    def finish(self) -> None:
        """Compare the ranges that are left."""
        while self.first != _END[0]:
            self.end()
            self._next()


class MonthRanges:
    """The ranges of a table, of each month, compared with its rows as they come."""

    def __init__(
        self, work: sqlite3.Connection, table: str, wanted: Sequence[str]
    ) -> None:
        self._work, self._table = work, table
        self._open = {
            period: RowRanges(work, table, period, whole=True) for period in wanted
        }

    def take(
        self, numbers: Sequence[int], months: Sequence[str], lines: Sequence[bytes]
    ) -> Iterator[tuple[int, int, int]]:
        """Take the next rows; yields (first, end, event) for those of one event.

        Raises BadRecord.
        """
        rising = all(map(lt, numbers, islice(numbers, 1, None)))
        end = 0
        while end < len(numbers):
            first = end
            until = _end_of_month(months, first) if rising else first + 1
            of_month = self._of(months[first])
            end = of_month.take(numbers, lines, first, until)
            yield first, end, of_month.sequence

    def _of(self, month: str) -> RowRanges:
        of_month = self._open.get(month)
        if of_month is None:
            of_month = RowRanges(self._work, self._table, month, whole=False)
            self._open[month] = of_month
        return of_month

    def finish(self) -> None:
        """Compare the ranges that are left."""
        for _, of_month in sorted(self._open.items()):
            of_month.finish()


def _end_of_month(months: Sequence[str], first: int) -> int:
    """Return where rows of another month begin."""
    month, end = months[first], first + 1
    while end < len(months) and months[end] == month:
        end += 1
    return end


class NumberRuns:
    """The numbers of rows as runs without a gap, so that each is there once."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._first = self._last = 0
        self._is_twice = False

    def add(self, numbers: Sequence[int]) -> None:
        """Take the next numbers."""
        if numbers and numbers[0] == self._last + 1 and _are_one_run(numbers):
            self._last = numbers[-1]
            return
        for number in numbers:
            if number != self._last + 1:
                self._end()
                self._first = number
            self._last = number

    def _end(self) -> None:
        self._is_twice = self._is_twice or self._first in self._ends
        self._ends[self._first] = self._last

    def overlap(self) -> bool:
        """Say whether a number was there twice."""
        self._end()
        runs = sorted(self._ends.items())
        return self._is_twice or any(
            first <= before for (_, before), (first, _) in pairwise(runs)
        )


def _are_one_run(numbers: Sequence[int]) -> bool:
    return all(map(eq, numbers, count(numbers[0])))


# entries
# Entries: rows that may move, compared with the newest event about each.

_BINDINGS_AT_ONCE = 250


def hold(work: sqlite3.Connection, rows: Iterable[tuple[str, Any, bytes]]) -> None:
    """Keep what rows are: (table, key, SHA-256 of the line)."""
    work.executemany("INSERT INTO held VALUES (?, ?, ?)", rows)


def load_bindings(source: LineSource, work: sqlite3.Connection) -> None:
    """Load which rows of usage each meter event carries; raises BadRecord."""
    file = TABLE_FILES[BINDING]
    lines = read_lines(source, file)
    check_header(file, next(lines, b""), BINDING_COLUMNS)
    try:
        for part in iter(lambda: [*islice(lines, _BINDINGS_AT_ONCE)], []):
            _load_bindings(file, part, work)
        work.execute("CREATE UNIQUE INDEX bound_usage ON bound (usage)")
    except (sqlite3.IntegrityError, sqlite3.DataError):
        raise BadRecord(file, "a row of usage is carried twice") from None
    except NONSENSE as fault:
        why = f"a line is not an event and its rows ({fault!r:.80})"
        raise BadRecord(file, why) from None


def _load_bindings(file: str, lines: list[bytes], work: sqlite3.Connection) -> None:
    held: list[tuple[str, int, bytes]] = []
    bound: list[tuple[Any, int]] = []
    carriers: list[tuple[int, int]] = []
    try:
        for line in lines:
            event, numbers = read_json(line)
            prefix = f"[{event},".encode()
            if type(event) is not int or not line.startswith(prefix):
                raise BadRecord(file, "a line is not an event and its rows")
            size = len(numbers)
            if not {*map(type, numbers)} <= {int}:
                raise BadRecord(file, "a line is not an event and its rows")
            held.append((BINDING, event, sha256(line[len(prefix) : -1]).digest()))
            carriers.append((event, size))
            bound += zip(numbers, repeat(event))
    finally:
        # What is wrong with the lines before is said first.
        hold(work, held)
        work.executemany("INSERT INTO carrier VALUES (?, ?)", carriers)
        work.executemany("INSERT INTO bound VALUES (?, ?)", bound)


def compare_entries(work: sqlite3.Connection, months: Months) -> None:
    """Compare each row that may move with its newest event; raises BadRecord."""
    query = (
        "SELECT tbl, key, held.sha, entry.sha, sequence FROM held "
        "LEFT JOIN entry USING (tbl, key) "
        "WHERE entry.sha IS NULL OR entry.sha <> held.sha "
        "UNION ALL SELECT tbl, key, held.sha, entry.sha, sequence FROM entry "
        "LEFT JOIN held USING (tbl, key) WHERE held.sha IS NULL AND "
        f"{months.condition('entry.period')} ORDER BY 1, 2 LIMIT 1"
    )
    for name, key, held, covered, sequence in work.execute(query):
        where = f"{TABLE_FILES[name]}, row {key}"
        if held is None:
            raise BadRecord(where, f"it is missing; audit event {sequence} covers it")
        if covered is None:
            raise BadRecord(where, "no audit event covers it; it was added past them")
        raise BadRecord(where, f"it is not as audit event {sequence} recorded it")


# prices
# Prices: which one holds at a moment, and what minutes cost by it.

MICRO = 1_000_000
_PER_MINUTE = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)
# Such texts sort as the moments do.
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?\+00:00"
MOMENT = re.compile(_MOMENT, re.ASCII)


class ListedPrice(NamedTuple):
    """A price per minute: numerator over denominator, in micro-units."""

    id: int
    effective_from: str
    per_minute: str
    currency: str
    numerator: int
    denominator: int

    def amount_micro(self, minutes: int) -> int:
        """Return what minutes cost in micro-units; half a unit is rounded up."""
        twice = 2 * self.numerator * minutes + self.denominator
        return twice // (2 * self.denominator)


class PriceList:
    """All prices, in the order of their dates; each holds until the next begins."""

    def __init__(self, work: sqlite3.Connection) -> None:
        query = "SELECT id, effective_from, per_minute, currency FROM price ORDER BY 2"
        self.listed = [_read_price(*row) for row in work.execute(query)]
        self.by_id = {price.id: price for price in self.listed}
        self._dates = [price.effective_from for price in self.listed]

    def at(self, moment: str) -> ListedPrice | None:
        """Return the price that holds at a moment, if there is one."""
        place = bisect_right(self._dates, moment)
        return self.listed[place - 1] if place else None


def _read_price(
    number: int, effective_from: str, per_minute: str, currency: str
) -> ListedPrice:
    match = _PER_MINUTE.fullmatch(per_minute)
    if match is None or not MOMENT.fullmatch(effective_from):
        raise BadRecord(f"{TABLE_FILES['price']}, row {number}", "it is no price")
    places = match[2] or ""
    scale = 10 ** len(places)
    amount = int(match[1] + places) * MICRO
    return ListedPrice(
        id=number,
        effective_from=effective_from,
        per_minute=per_minute,
        currency=currency,
        numerator=amount,
        denominator=scale,
    )


# call_history
# Call histories: what was said of each call, and what was billed for it, in order.

_CALLS = """
SELECT account, call_id, revision, period, status, started_at, duration_seconds,
  customer, not_billable, extract_sha256, id, pull_id
FROM call {where} ORDER BY account, call_id, revision, id
"""
_USAGE = """
SELECT account, call_id, call_revision, call_hour, customer, id, type, period, hour,
  billed_minutes, amount_micro, currency, price_id, corrects, pull_id, posted_at
FROM b2b_usage {where} ORDER BY account, call_id, call_revision, call_hour,
  customer, id
"""
# Of a row that is rated already, the call is not kept.
_WHOLE = "WHERE account IS NOT NULL"
_DECISIONS = """
SELECT account, call_id, revision, seconds FROM call_decision ORDER BY id
"""
_name = itemgetter(0, 1)


class Revision(NamedTuple):
    """What the source once said of a call."""

    account: str
    call_id: str
    revision: int
    period: str
    status: str
    started_at: str | None
    duration_seconds: int | None
    customer: str | None
    not_billable: str | None
    extract_sha256: str
    id: int
    pull_id: int

    @property
    def where(self) -> str:
        """Where the row is, for whoever looks for it."""
        return f"{TABLE_FILES['call']}, row {self.id}"


class Usage(NamedTuple):
    """A row of usage."""

    account: str
    call_id: str
    call_revision: int
    call_hour: str
    customer: str
    id: int
    type: str
    period: str
    hour: str
    minutes: int
    amount_micro: int
    currency: str
    price_id: int | None
    corrects: int | None
    pull_id: int
    posted_at: str

    @property
    def where(self) -> str:
        """Where the row is, for whoever looks for it."""
        return f"{TABLE_FILES['b2b_usage']}, row {self.id}"


Row = TypeVar("Row", Revision, Usage)
CallHistory = tuple[Sequence[Revision], Sequence[Usage]]
Name = tuple[str, str]


def read_calls(work: sqlite3.Connection) -> Iterator[CallHistory]:
    """Yield each call's revisions and rows, in the order of account and call."""
    revised = _of_each_call(Revision, work.execute(_CALLS.format(where="")))
    billed = _of_each_call(Usage, work.execute(_USAGE.format(where=_WHOLE)))
    revisions, rows = next(revised, ()), next(billed, ())
    while revisions or rows:
        revision_first, usage_first = _which_first(revisions, rows)
        yield revisions if revision_first else (), rows if usage_first else ()
        if revision_first:
            revisions = next(revised, ())
        if usage_first:
            rows = next(billed, ())


def _of_each_call(
    kind: type[Row], rows: Iterable[tuple[Any, ...]]
) -> Iterator[Sequence[Row]]:
    """Yield the rows of each call, which follow one another."""
    make = partial(tuple.__new__, kind)
    account = call_id = None
    same: list[Row] = []
    for values in rows:
        if values[1] != call_id or values[0] != account:
            if same:
                yield same
            account, call_id = values[:2]
            same = []
        same.append(make(values))
    if same:
        yield same


def _which_first(
    revisions: Sequence[Revision], rows: Sequence[Usage]
) -> tuple[bool, bool]:
    """Say whether the call, the rows or both come next."""
    if not revisions or not rows:
        return bool(revisions), bool(rows)
    call, usage = revisions[0], rows[0]
    if call.call_id == usage.call_id and call.account == usage.account:
        return True, True
    # Texts are compared by their bytes, as the database orders them.
    names = (_name(call), _name(usage))
    of_call, of_usage = ([part.encode() for part in name] for name in names)
    return of_call < of_usage, of_usage < of_call


def read_one_call(
    work: sqlite3.Connection, call_id: str
) -> tuple[list[Revision], list[Usage]]:
    """Return a call's revisions and rows, of every account that has such a call."""
    calls = work.execute(_CALLS.format(where="WHERE call_id = ?"), (call_id,))
    rows = work.execute(_USAGE.format(where=f"{_WHOLE} AND call_id = ?"), (call_id,))
    return list(map(Revision._make, calls)), list(map(Usage._make, rows))


Decisions = dict[Name, dict[int, int | None]]


def read_decisions(work: sqlite3.Connection) -> Decisions:
    """Return what people decided of calls: by call and revision, its seconds."""
    decisions: Decisions = defaultdict(dict)
    for account, call_id, revision, seconds in work.execute(_DECISIONS):
        decisions[account, call_id][revision] = seconds
    return decisions


# calls
# Calls: every row of usage is rated again from what was known of its call.

# Of this status is what a person decided; no source says so.
DECIDED = "decided"
TERMINAL = frozenset({"completed", "failed", "cancelled", DECIDED})
# Dated by the source into a month that was not billed here: what was billed is undone.
BEFORE_FIRST = "before_first_period"
_SECONDS_PER_MINUTE = 60
_status, _number = itemgetter(4), itemgetter(5)

Due = tuple[str, str, int, int, int]
Record = tuple[Any, ...]


class Rating:
    """Rates calls again, as the rules say, and compares their rows."""

    def __init__(
        self,
        prices: PriceList,
        months: Months,
        closed: Collection[str],
        decisions: Decisions,
    ) -> None:
        self._prices, self._months, self._closed = prices, months, closed
        self._decisions = decisions

    def concerns(self, revisions: Sequence[Revision], rows: Sequence[Usage]) -> bool:
        """Say whether anything of a call is of the months that are looked at."""
        months = self._months
        for revision in revisions:
            if revision.period in months:
                return True
        return any(row.period in months for row in rows)

    def check(self, revisions: Sequence[Revision], rows: Sequence[Usage]) -> None:
        """Rate every revision of a call; up to it, the rows are just that."""
        ordered = rows if len(rows) < 2 else sorted(rows, key=_number)
        self._check_corrections(ordered)
        if self._decisions or DECIDED in map(_status, revisions):
            self._check_decisions(revisions)
        posted: dict[tuple[str, str], list[int]] = {}
        remaining = iter(rows)
        row = next(remaining, None)
        for number, revision in enumerate(revisions, start=1):
            if revision.revision != number:
                raise BadRecord(
                    revision.where, f"it is revision {revision.revision}, not {number}"
                )
            if revision.not_billable == BEFORE_FIRST:
                _check_dated_back(revision, revisions[: number - 1])
            due = self._due(revision)
            while row is not None and row.call_revision == number:
                self._check_row(row, due)
                sums = posted.setdefault((row.customer, row.call_hour), [0, 0])
                sums[0] += row.minutes
                sums[1] += row.amount_micro
                row = next(remaining, None)
            _compare(revision, due, posted)
        if row is not None:
            raise BadRecord(
                row.where, f"it bills revision {row.call_revision}, not there"
            )

    def is_plain_pair(self, revision: Record, row: Record) -> bool:
        """Say whether a row is just what a call comes to that was said once.

        It is a short way to what `check` finds; where it is not so, that says more.
        """
        (_, _, number, period, status, at, seconds, customer, free, *_) = revision
        if (
            number != 1
            or at is None
            or seconds is None
            or customer is None
            or free is not None
            or seconds < 0
            or status not in TERMINAL
            or status == DECIDED
            or period != at[:7]
            or not MOMENT.fullmatch(at)
        ):
            return False
        price = self._prices.at(at)
        if price is None:
            return False
        minutes = max(-(-seconds // _SECONDS_PER_MINUTE), 1)
        hour = f"{at[:13]}:00:00+00:00"
        amount = price.amount_micro(minutes)
        is_due = (minutes, amount, price.currency, price.id, None)
        return (
            row[2:5] == (1, hour, customer)
            and row[6:9] == ("api_usage", period, hour)
            and row[9:14] == is_due
        )

    def _check_decisions(self, revisions: Sequence[Revision]) -> None:
        """Check that what a person decided is what a decision says, and no more."""
        decided = {each.revision: each for each in revisions if each.status == DECIDED}
        stated = self._decisions.get(revisions[0][:2], {}) if revisions else {}
        for number, revision in decided.items():
            where = revision.where
            if number not in stated:
                raise BadRecord(
                    where, "it is said to be decided, and no decision is there"
                )
            if stated[number] != revision.duration_seconds:
                raise BadRecord(where, "it is of another length than was decided")
            if (stated[number] is None) is not (revision.started_at is None):
                raise BadRecord(where, "it is billed, or not, other than was decided")
        for number in stated.keys() - decided.keys():
            name = f"revision {number} of call {revisions[0].call_id!r:.80}"
            why = f"{name} is decided, and is none of a person's"
            raise BadRecord(TABLE_FILES["call_decision"], why)

    def _due(self, revision: Revision) -> Due | None:
        """Return (customer, hour, minutes, amount, price) of a call; None when free."""
        started_at, seconds = revision.started_at, revision.duration_seconds
        if started_at is None or revision.status not in TERMINAL:
            return None
        if not MOMENT.fullmatch(started_at):
            raise BadRecord(revision.where, "its started_at is no moment in UTC")
        if revision.period != started_at[:7]:
            raise BadRecord(
                revision.where, "it stands in another month than it began in"
            )
        if revision.not_billable == BEFORE_FIRST:
            return None
        price = self._prices.at(started_at)
        if seconds is None or seconds < 0 or revision.customer is None or not price:
            raise BadRecord(
                revision.where, "it is billable, and has no length, customer or price"
            )
        minutes = max(-(-seconds // _SECONDS_PER_MINUTE), 1)
        hour = f"{started_at[:13]}:00:00+00:00"
        amount = price.amount_micro(minutes)
        return revision.customer, hour, minutes, amount, price.id

    def _check_row(self, row: Usage, due: Due | None) -> None:
        if row.price_id != (due[4] if due else None):
            raise BadRecord(row.where, "its price is not the one of the call's date")
        if due and row.currency != self._prices.by_id[due[4]].currency:
            raise BadRecord(row.where, "its currency is not that of its price")
        if row.period != row.hour[:7] or row.hour[13:] != ":00:00+00:00":
            raise BadRecord(row.where, "it does not stand in the month of its hour")
        carried = row.hour != row.call_hour
        adjusts = row.corrects is not None or carried
        if row.type != ("adjustment" if adjusts else "api_usage"):
            raise BadRecord(row.where, f"it is no {row.type!r:.40}")
        own = row.call_hour[:7]
        if carried and (row.period <= own or not self._is_closed(own)):
            raise BadRecord(row.where, f"it stands in {row.period}, and {own} was open")

    def _is_closed(self, month: str) -> bool:
        """Say whether a month is closed, as far as can be known here."""
        return month in self._closed or month not in self._months

    def _check_corrections(self, rows: Sequence[Usage]) -> None:
        """Check that each row but the first corrects an earlier one."""
        earlier: set[int] = set()
        for row in rows:
            if (row.corrects in earlier) if earlier else (row.corrects is None):
                earlier.add(row.id)
                continue
            corrected = "nothing" if row.corrects is None else f"row {row.corrects}"
            raise BadRecord(
                row.where, f"it corrects {corrected}, no earlier row of its call"
            )


def _check_dated_back(revision: Revision, earlier: Sequence[Revision]) -> None:
    """Only a call that was in a later month till then is before the first one."""
    if not earlier or earlier[-1].period <= revision.period:
        raise BadRecord(
            revision.where, "it is said to be before the first month, and is not"
        )


def _compare(
    revision: Revision,
    due: Due | None,
    posted: dict[tuple[str, str], list[int]],
) -> None:
    """Compare what a revision is rated at with what its rows add up to by then."""
    slot = due[:2] if due else None
    if slot is not None and slot not in posted:
        posted[slot] = [0, 0]
    for place, (minutes, amount) in posted.items():
        wanted = due[2:4] if due and place == slot else (0, 0)
        if (minutes, amount) != wanted:
            name = f"revision {revision.revision} of call {revision.call_id!r:.80}"
            raise BadRecord(
                f"{TABLE_FILES['b2b_usage']}, {name}",
                f"it is rated at {wanted[0]} minutes and {wanted[1]} micro-units for "
                f"{place[0]!r:.80} in {place[1]:.25}, its rows hold {minutes} and "
                f"{amount}",
            )


# closes
# Closes: the digest of what was frozen, computed again from the rows.

_FORMAT = "pamela-billing close 1"
_format = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_CUSTOMERS = """
SELECT customer, currency, COUNT(*), SUM(billed_minutes), SUM(amount_micro)
FROM b2b_usage WHERE period = ? GROUP BY customer, currency ORDER BY customer, currency
"""
_FROZEN = "SELECT period, line FROM frozen ORDER BY period, account, call_id, rowid"
_LINES_AT_ONCE = 1_000
_NAMES = ("customer", "currency", "rows", "minutes", "amount_micro")


def customer_sums(work: sqlite3.Connection, period: str) -> list[tuple[Any, ...]]:
    """Return (customer, currency, rows, minutes, micro-units) of a month."""
    return work.execute(_CUSTOMERS, (period,)).fetchall()


class Closes:
    """The closed months of a source, and what their digests are made of.

    The lines of calls come in any order, and are brought into theirs at the end.
    """

    def __init__(self, work: sqlite3.Connection, prices: PriceList) -> None:
        self._work, self._prices = work, prices
        query = "SELECT period, digest, totals FROM period_close ORDER BY period"
        self.closed = {row[0]: (row[1], row[2]) for row in work.execute(query)}
        self._lines: list[tuple[str, str, str, int | None, str]] = []

    def add(
        self,
        revisions: Sequence[Revision],
        rows: Sequence[Usage],
        name: int | None = None,
    ) -> None:
        """Add the rows of a call; by a hash of its name they can be left out again."""
        for row in rows:
            if row.period not in self.closed:
                continue
            extracts = [
                revision.extract_sha256
                for revision in revisions
                if revision.revision == row.call_revision
            ]
            price = self._prices.by_id.get(row.price_id or 0)
            corrected = next((r for r in rows if r.id == row.corrects), None)
            line = (
                "usage",
                *row[:5],
                row.type,
                *row[8:12],
                row.posted_at,
                price and price.effective_from,
                *(corrected[2:5] if corrected else (None, None, None)),
                extracts[0] if extracts else None,
            )
            self._lines.append((row.period, *row[:2], name, _format(line)))
        if len(self._lines) > _LINES_AT_ONCE:
            self._keep()

    def _keep(self) -> None:
        self._work.executemany("INSERT INTO frozen VALUES (?, ?, ?, ?, ?)", self._lines)
        self._lines.clear()

    def leave_out(self, names: Collection[int] | None) -> None:
        """Leave out the rows of calls that come again; of all where None."""
        self._keep()
        if names is None:
            self._work.execute("DELETE FROM frozen")
        elif self.closed and names:
            self._work.execute("CREATE TABLE left_out (name INTEGER PRIMARY KEY)")
            self._work.executemany(
                "INSERT INTO left_out VALUES (?)", ((name,) for name in names)
            )
            self._work.execute(
                "DELETE FROM frozen WHERE name IN (SELECT name FROM left_out)"
            )

    def finish(self, periods: Sequence[str]) -> None:
        """Compare the digest and the totals of each month; raises BadRecord."""
        self._keep()
        digests = {period: sha256() for period in self.closed}
        for period in periods:
            for opening in self._opening(period):
                digests[period].update(f"{_format(opening)}\n".encode())
        for period, line in self._work.execute(_FROZEN):
            digests[period].update(f"{line}\n".encode())
        for period in periods:
            where = f"{TABLE_FILES['period_close']}, {period}"
            sums = customer_sums(self._work, period)
            for total in sums:
                digests[period].update(f"{_format(('total', *total))}\n".encode())
            frozen, totals = self.closed[period]
            if digests[period].hexdigest() != frozen:
                raise BadRecord(
                    where, "its rows have another digest than the one it froze"
                )
            try:
                named = json.loads(totals or "{}").get("customers", [])
            except NONSENSE as fault:
                raise BadRecord(where, f"its totals are none ({fault!r:.80})") from None
            if totals and named != [dict(zip(_NAMES, s, strict=True)) for s in sums]:
                raise BadRecord(where, "its totals are not those of its rows")

    def _opening(self, period: str) -> Iterator[tuple[str, ...]]:
        """Yield what stands before the rows: the month, and the prices they name."""
        yield _FORMAT, period
        query = "SELECT DISTINCT price_id FROM b2b_usage WHERE period = ?"
        named = {number for (number,) in self._work.execute(query, (period,))}
        for price in self._prices.listed:
            if price.id in named:
                yield "price", *price[1:4]


# pairs
# Pairs: a call that was said once, and the row of usage that was written with it.
#
# They are rated as they come, and need not be brought into order. Of whatever is more
# than a pair, or not right, every row is kept: that is rated after the others.

# So many calls wait for their rows, which come in the same order.
_MOST_WAITING = 20_000
# More calls than that are no exceptions; and of more rows no hashes are held.
_MOST_APART, _MOST_ROWS = 100_000, 6_000_000
_SORTED_AT_ONCE = 2**18
_BOUND = 2**63
_OF_REVISION = [SHAPES["call"].place(name) for name in Revision._fields]
_OF_USAGE = [
    SHAPES["b2b_usage"].place("billed_minutes" if name == "minutes" else name)
    for name in Usage._fields
]
_TELLING = ("revision", "status", "not_billable")
# The values of some rows, column by column.
Columns = Sequence[Sequence[Any]]
_PERIOD = Usage._fields.index("period")
# A call that waits for its row: where among all it is, and what was said of it.
_Waiting = tuple[int, Record]
_revision, _usage = partial(tuple.__new__, Revision), partial(tuple.__new__, Usage)


class Compared(NamedTuple):
    """Some rows that were compared with the chain, column by column.

    Plain are those in which no text is spelled by the numbers of its signs.
    """

    columns: Columns
    plain: bool


class Pairs:
    """The calls and rows of a source, as far as they are pairs.

    Names of calls are held as hashes: of two names with the same one, neither is taken
    for a pair.
    """

    def __init__(
        self, work: sqlite3.Connection, months: Months, asked: str | None
    ) -> None:
        """Prices and closes are loaded. Of a call that is asked for all rows are kept.

        Raises BadRecord for what is no price.
        """
        prices = PriceList(work)
        self.closes = Closes(work, prices)
        self._months, self._asked = months, asked
        self._rating = Rating(prices, months, self.closes.closed, {})
        self._waiting: dict[Name, _Waiting] = {}
        self._names = {"call": array("q"), "b2b_usage": array("q")}
        # Of each call: 1 where it was rated, 2 where it was so with a row.
        self._rated = bytearray()
        self._apart: set[int] = set()
        self._all_apart = False

    def take(self, calls: Iterator[Compared], usage: Iterable[Compared]) -> None:
        """Rate what are pairs, while both tables are read."""
        for columns, plain in usage:
            if self._has_enough():
                continue
            names = self._named("b2b_usage", columns)
            for name, row in zip(names, _records(columns, _OF_USAGE), strict=True):
                call = self._waiting.pop(name, None) or self._awaited(name, calls)
                if call is None or not plain:
                    self.put_apart(name)
                else:
                    self._rate(name, call, row)
        for part in calls:
            self._take_calls(part)
        self._let_go()

    def _has_enough(self) -> bool:
        """Say whether pairs are no longer looked for."""
        if len(self._names["call"]) + len(self._names["b2b_usage"]) > _MOST_ROWS:
            self._all_apart = True
        return self._all_apart

    def _named(self, table: str, columns: Columns) -> list[Name]:
        shape = SHAPES[table]
        account, call_id = shape.place("account"), shape.place("call_id")
        names = [*zip(columns[account], columns[call_id], strict=True)]
        self._names[table].extend(map(hash, names))
        if self._asked is not None and self._asked in columns[call_id]:
            for name in names:
                if name[1] == self._asked:
                    self.put_apart(name)
        return names

    def _awaited(self, name: Name, calls: Iterator[Compared]) -> _Waiting | None:
        """Return the call that waits for a row, once it is read."""
        while name not in self._waiting:
            part = next(calls, None) if len(self._waiting) < _MOST_WAITING else None
            if part is None:
                return None
            self._take_calls(part)
        return self._waiting.pop(name)

    def _take_calls(self, part: Compared) -> None:
        if self._has_enough():
            return
        columns = part.columns
        names, first = self._named("call", columns), len(self._rated)
        self._rated.extend(bytes(len(names)))
        calls = enumerate(_records(columns, _OF_REVISION), first)
        waiting = zip(names, calls, strict=True)
        if part.plain and _are_said_once(columns):
            self._waiting.update(waiting)
            return
        for name, call in waiting:
            revision = _revision(call[1])
            is_first = revision.revision == 1 and revision.status != DECIDED
            if not (part.plain and is_first):
                self.put_apart(name)
            elif revision.not_billable is None:
                self._waiting[name] = call
            else:
                self._rate(name, call, None)

    def _rate(self, name: Name, call: _Waiting, row: Record | None) -> None:
        """Rate a call with the row that came to it, or without one."""
        place, values = call
        if row is not None and self._rating.is_plain_pair(values, row):
            self._rated[place] = 2 if row[_PERIOD] in self._months else 0
            if row[_PERIOD] in self.closes.closed:
                self.closes.add((_revision(values),), (_usage(row),), hash(name))
            return
        revision, rows = _revision(values), () if row is None else (_usage(row),)
        try:
            if self._rating.concerns((revision,), rows):
                self._rating.check((revision,), rows)
                self._rated[place] = 1 + len(rows)
                self.closes.add((revision,), rows, hash(name))
        except BadRecord:
            # Which record is the first bad one is seen in the order of all calls.
            self.put_apart(name)

    def put_apart(self, name: Name) -> None:
        """Let every row of a call be kept."""
        self._apart.add(hash(name))
        if len(self._apart) > _MOST_APART:
            self._all_apart = True

    def _let_go(self) -> None:
        """Rate the calls to which no row came."""
        for name, call in self._waiting.items():
            self._rate(name, call, None)
        self._waiting.clear()

    def finish(self, decided: Iterable[Name]) -> tuple[int, int]:
        """Return how many calls and rows were rated, without those that are kept."""
        for name in decided:
            self.put_apart(name)
        self._apart.update(_twice(self._names["call"]))
        self._all_apart = self._all_apart or len(self._apart) > _MOST_APART
        self.closes.leave_out(None if self._all_apart else self._apart)
        if self._all_apart:
            return 0, 0
        if self._apart:
            for place, hashed in enumerate(self._names["call"]):
                if hashed in self._apart:
                    self._rated[place] = 0
        with_row = self._rated.count(2)
        return self._rated.count(1) + with_row, with_row

    def rows_apart(self, source: LineSource, table: str) -> Iterator[list[Any]]:
        """Yield the rows that are kept, once they are read again."""
        is_apart = map(self._apart.__contains__, self._names[table])
        lines = islice(read_lines(source, TABLE_FILES[table]), 1, None)
        chosen = compress(lines, repeat(True) if self._all_apart else is_apart)
        return map(read_json, chosen) if self._all_apart or self._apart else iter(())


def _records(columns: Columns, places: Sequence[int]) -> Iterator[Record]:
    return zip(*map(columns.__getitem__, places), strict=True)


def _are_said_once(columns: Columns) -> bool:
    """Say whether calls were said once, as far as they say, and are to be billed."""
    of = {name: columns[SHAPES["call"].place(name)] for name in _TELLING}
    return (
        {*of["revision"]} == {1}
        and {*of["not_billable"]} == {None}
        and DECIDED not in of["status"]
    )


def _twice(names: "array[int]") -> Iterator[int]:
    """Yield the hashes that are there twice; some thousands are sorted at once."""
    runs = []
    for first in range(0, len(names), _SORTED_AT_ONCE):
        run = sorted(names[first : first + _SORTED_AT_ONCE])
        yield from _neighbours(run)
        runs.append(array("q", dict.fromkeys(run)))
    step = 2 * _BOUND // max(len(runs), 1)
    for low in range(-_BOUND, _BOUND, step) if len(runs) > 1 else ():
        of_runs = [
            run[bisect_left(run, low) : bisect_left(run, low + step)] for run in runs
        ]
        yield from _neighbours(sorted(chain.from_iterable(of_runs)))


def _neighbours(run: Sequence[int]) -> Iterator[int]:
    """Yield what equals the number after it."""
    return compress(run, map(eq, run, islice(run, 1, None)))


# loading
# Loading: each row is compared with the chain, and what counts is kept.

_PAIRED = ("call", "b2b_usage")
# What of a row of usage is needed once its call was rated.
_METERED = (
    "id",
    "customer",
    "period",
    "hour",
    "billed_minutes",
    "amount_micro",
    "currency",
    "price_id",
    "pull_id",
)
_APART_AT_ONCE = 250
_LEAST, _GREATEST = -(2**63), 2**63 - 1
_TWICE = "a row is there twice, or its rows are out of order"


class RowLoader:
    """Reads the tables of a source, compares them with the chain, keeps what counts.

    Calls and usage are rated as they come, as far as they are pairs.
    """

    def __init__(
        self,
        source: LineSource,
        work: sqlite3.Connection,
        chain: Chain,
        months: Months,
        asked: str | None = None,
    ) -> None:
        self._source, self._work, self._chain = source, work, chain
        self._months, self._asked = months, asked
        self._runs: dict[int, str] = {}
        self.pairs: Pairs | None = None

    def load_all(self) -> None:
        """Load every table; raises BadRecord at the first row that is not as it was."""
        for name in SHAPES:
            with _named(name):
                if name == "call":
                    self.pairs = self._new_pairs()
                if self.pairs is None or name not in _PAIRED:
                    self._load(name)
                elif name == "call":
                    self._load_pairs(self.pairs)

    def _new_pairs(self) -> Pairs | None:
        try:
            return Pairs(self._work, self._months, self._asked)
        except BadRecord:
            # A price that is none is named when all rows are known to be as they were.
            return None

    def _load_pairs(self, pairs: Pairs) -> None:
        calls = self._compared_calls()
        try:
            pairs.take(calls, self._compared_usage())
        except BadRecord:
            # What is wrong with a call comes before what is wrong with a row of usage.
            for _ in calls:
                pass
            raise

    def _compared_calls(self) -> Iterator[Compared]:
        """Yield calls, each there once; raises BadRecord."""
        numbers, check = NumberRuns(), self._bounds("call")
        for part in self._compared("call"):
            check(part)
            numbers.add(part.columns[0])
            yield part
        if numbers.overlap():
            raise BadRecord(TABLE_FILES["call"], _TWICE)

    def _compared_usage(self) -> Iterator[Compared]:
        """Yield rows of usage, once what the meter and the totals need is kept."""
        with _named("b2b_usage"):
            check, keep = self._bounds("b2b_usage"), self._keeper("b2b_usage", _METERED)
            for part in self._compared("b2b_usage"):
                check(part)
                keep(part.columns)
                yield part

    def _bounds(self, name: str) -> Callable[[Compared], None]:
        """Return what asks the database for rows that it may not be able to hold."""
        kept = columns_of(self._work, name)
        places = [SHAPES[name].place(column) for column in kept]
        numbers = [place for place in places if SHAPES[name].kinds[place] in "iI"]
        query = f"SELECT {', '.join('?' * len(kept))}"

        def check(part: Compared) -> None:
            every = {0}.union(*map(part.columns.__getitem__, numbers)) - {None}
            if part.plain and _LEAST <= min(every) <= max(every) <= _GREATEST:
                return
            for row in zip(*map(part.columns.__getitem__, places), strict=True):
                self._work.execute(query, row)

        return check

    def keep_apart(self) -> tuple[int, int]:
        """Keep the rows that are not rated yet; returns how many calls and rows are."""
        if self.pairs is None:
            return 0, 0
        rated = self.pairs.finish(read_decisions(self._work))
        for name in _PAIRED:
            with _named(name):
                # Of a row of usage a part is there already.
                verb = "REPLACE" if name == "b2b_usage" else "INSERT"
                keep = self._keeper(name, verb=verb)
                rows = self.pairs.rows_apart(self._source, name)
                for part in iter(lambda: [*islice(rows, _APART_AT_ONCE)], []):
                    keep([*zip(*part, strict=True)])
        return rated

    def _load(self, name: str) -> None:
        if SHAPES[name].together:
            keep = self._keeper(name)
            for part in self._compared(name):
                keep(part.columns)
        else:
            self._load_each(name)
        if name == "reconciliation_run":
            query = "SELECT id, period FROM reconciliation_run"
            self._runs = dict(self._work.execute(query))

    def _compared(self, name: str) -> Iterator[Compared]:
        """Yield the rows of a table whose rows have digests by ranges."""
        months_of = self._months_of(name)
        ranges = MonthRanges(self._work, name, self._wanted(name))
        sums = _Sums() if name == "b2b_usage" else None
        for lines, rows, plain in read_parts(self._source, name):
            columns = [*zip(*rows, strict=True)]
            end = 0
            try:
                for first, end, sequence in ranges.take(
                    columns[0], months_of(columns), lines
                ):
                    if sums is not None:
                        sums.add(sequence, columns, first, end)
            except BadRecord:
                # Those before the one that is refused may be worse in other ways.
                yield Compared([column[:end] for column in columns], plain)
                raise
            yield Compared(columns, plain)
        ranges.finish()
        if sums is not None:
            sums.compare(self._chain.gains)

    def _wanted(self, name: str) -> list[str]:
        query = (
            "SELECT DISTINCT period FROM cover WHERE tbl = ? AND "
            f"{self._months.condition('period')}"
        )
        return [period for (period,) in self._work.execute(query, (name,))]

    def _months_of(self, name: str) -> Callable[[Columns], Sequence[str]]:
        if SHAPES[name].month == "run_id":
            run = SHAPES[name].place("run_id")
            return lambda columns: [
                self._runs.get(number, "no month") for number in columns[run]
            ]
        place = SHAPES[name].place("period")
        return lambda columns: columns[place]

    def _load_each(self, name: str) -> None:
        """Load a table whose rows have a digest each."""
        place, keep = SHAPES[name].place(SHAPES[name].key), self._keeper(name)
        for lines, rows, _ in read_parts(self._source, name):
            keep([*zip(*rows, strict=True)])
            hold(
                self._work,
                [
                    (name, row[place], sha256(line).digest())
                    for row, line in zip(rows, lines, strict=True)
                ],
            )

    def _keeper(
        self, name: str, chosen: Sequence[str] = (), verb: str = "INSERT"
    ) -> Callable[[Columns], None]:
        """Return what keeps rows of a table, in the columns that count."""
        kept = chosen or columns_of(self._work, name)
        places = [SHAPES[name].place(column) for column in kept]
        marks = ", ".join("?" * len(kept))
        whole = f"{name} ({', '.join(kept)})"
        insert = f"{verb} INTO {whole} VALUES ({marks})"  # names of ours

        def keep(columns: Columns) -> None:
            if places and columns:
                self._work.executemany(
                    insert, zip(*map(columns.__getitem__, places), strict=True)
                )

        return keep


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say of which table a fault is; raises BadRecord."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError):
        raise BadRecord(TABLE_FILES[name], _TWICE) from None
    except NONSENSE as fault:
        why = f"a row is out of all bounds ({fault!r:.80})"
        raise BadRecord(TABLE_FILES[name], why) from None


class _Sums:
    """What the rows of usage add up to that each event covers."""

    def __init__(self) -> None:
        shape = SHAPES["b2b_usage"]
        self._minutes = shape.place("billed_minutes")
        self._amount = shape.place("amount_micro")
        self._sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, sequence: int, columns: Columns, first: int, end: int) -> None:
        """Add the rows from the first one up to the end."""
        sums = self._sums[sequence]
        sums[0] += end - first
        sums[1] += sum(columns[self._minutes][first:end])
        sums[2] += sum(columns[self._amount][first:end])

    def compare(self, gains: Mapping[int, Balance]) -> None:
        """Compare what rows add up to with what their event added to the balance."""
        for sequence, sums in sorted(self._sums.items()):
            gain = gains.get(sequence)
            if gain is not None and gain.rows == sums[0] and gain != Balance(*sums):
                why = f"audit event {sequence} adds {gain.minutes} minutes"
                raise BadRecord(TABLE_FILES["b2b_usage"], f"{why}, its rows {sums[1]}")


# meter
# The way to the meter: events report their rows, and what counts has evidence.
#
# An opening is an event that another program's minutes stand for: it counts our rows of
# before a cut-over, has the minutes that were read there, and was never sent.

_SUMS = """
CREATE TEMP TABLE carried AS SELECT bound.event AS event, COUNT(*) AS bound,
  COUNT(u.id) AS rows, SUM(u.billed_minutes) AS minutes, SUM(u.amount_micro) AS amount,
  SUM(u.customer <> e.customer OR CASE WHEN e.carries IS NULL THEN u.hour <> e.hour
    ELSE u.period <> e.carries END) AS misplaced
FROM bound JOIN meter_event e ON e.id = bound.event
LEFT JOIN b2b_usage u ON u.id = bound.usage GROUP BY bound.event
"""
_OPENINGS = TABLE_FILES["meter_opening"]
_EVENTS, _ATTEMPTS = TABLE_FILES["meter_event"], TABLE_FILES["meter_attempt"]


class _Violation(NamedTuple):
    """What must not be: the query that finds it, in which file, and what it is."""

    query: str
    file: str
    why: str


_INVARIANTS = (
    _Violation(
        "SELECT e.id FROM meter_event e WHERE NOT EXISTS "
        "(SELECT 1 FROM carrier c WHERE c.event = e.id)",
        _EVENTS,
        "nothing says which rows it carries",
    ),
    _Violation(
        "SELECT c.event FROM carrier c WHERE NOT EXISTS "
        "(SELECT 1 FROM meter_event e WHERE e.id = c.event)",
        TABLE_FILES[BINDING],
        "its event is not there",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN carried c ON c.event = e.id "
        "WHERE {months} AND c.rows <> c.bound",
        _EVENTS,
        "it carries rows of usage that are not there",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN carrier c ON c.event = e.id "
        "WHERE e.reason = 'replaced' AND c.rows > 0",
        _EVENTS,
        "it was replaced, and still carries rows",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e LEFT JOIN carried c ON c.event = e.id "
        "WHERE COALESCE(e.reason, '') <> 'replaced' "
        "AND COALESCE(c.rows, 0) = COALESCE(c.bound, 0) AND ("
        "e.usage_rows <> COALESCE(c.rows, 0) OR (e.id NOT IN "
        "(SELECT event_id FROM meter_opening) AND ("
        "e.minutes <> COALESCE(c.minutes, 0) "
        "OR e.amount_micro <> COALESCE(c.amount, 0))))",
        _EVENTS,
        "it reports other minutes than its rows hold",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN carried c ON c.event = e.id "
        "WHERE c.misplaced > 0",
        _EVENTS,
        "it carries rows of another customer or hour",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e WHERE e.period <> substr(e.hour, 1, 7) OR "
        "e.timestamp <> substr(e.hour, 1, 14) || printf('%02d', e.sequence) || "
        "':00+00:00' OR e.identifier <> "
        "CASE e.livemode WHEN 0 THEN 'test' ELSE 'live' END || '-' || e.meter || '-' "
        "|| e.stripe_customer || '-' || substr(replace(e.hour, '-', ''), 1, 11) || '-' "
        "|| e.sequence",
        _EVENTS,
        "its name, minute and month are not what its parts say",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e WHERE {months} AND e.state = 'synced' AND ("
        "e.evidence IS NULL OR NOT ("
        "(e.minutes = 0 AND e.id NOT IN (SELECT event_id FROM meter_attempt)) "
        "OR e.id IN (SELECT o.event_id FROM meter_opening o JOIN adoption d "
        "ON d.id = o.adoption_id WHERE d.kind = 'cut_over') "
        "OR e.id IN (SELECT event_id FROM meter_attempt WHERE kind = 'event' "
        "AND verdict IN ('counted', 'duplicate')) OR EXISTS (SELECT 1 "
        "FROM shown r WHERE r.event_id = e.id AND (r.minutes = e.minutes OR ("
        # Sent again, it may count more than once, and shows a multiple of itself.
        "(e.rearmed_at IS NOT NULL OR "
        "(SELECT COUNT(*) FROM meter_attempt b WHERE b.event_id = e.id) > 1) "
        "AND r.minutes <> 0 AND (r.minutes > 0) = (e.minutes > 0) "
        "AND r.minutes % e.minutes = 0)))))",
        _EVENTS,
        "it counts as synced, and nothing shows that it was counted",
    ),
    _Violation(
        "SELECT e.id FROM meter_event e JOIN meter_attempt a ON a.event_id = e.id "
        "WHERE e.state = 'pending' AND a.kind = 'event' "
        "AND a.verdict IN ('counted', 'duplicate') AND a.number = (SELECT "
        "MAX(b.number) FROM meter_attempt b WHERE b.event_id = e.id AND "
        "b.kind = 'event') AND NOT COALESCE(e.rearmed_at > a.started_at, 0)",
        _EVENTS,
        "it is to be sent, and its last answer showed that it was counted",
    ),
    _Violation(
        # In this order, and by keys as they are (+): else all are paired with all.
        "SELECT n.id FROM meter_attempt a CROSS JOIN meter_attempt n "
        "ON n.event_id = a.event_id AND n.number = a.number + 1 "
        "CROSS JOIN meter_event e ON e.id = a.event_id "
        "CROSS JOIN entry answered ON answered.tbl = 'meter_attempt' "
        "AND answered.key = +a.id CROSS JOIN entry begun "
        "ON begun.tbl = 'meter_attempt' AND begun.key = +n.id "
        "WHERE a.kind = 'event' AND n.kind = 'event' "
        "AND a.verdict IN ('counted', 'duplicate') AND begun.first > answered.since "
        "AND NOT COALESCE(e.rearmed_at > a.started_at, 0)",
        _ATTEMPTS,
        "it was sent although the attempt before it was known as counted",
    ),
    _Violation(
        "SELECT o.id FROM meter_opening o LEFT JOIN meter_event e ON e.id = o.event_id "
        "LEFT JOIN adoption d ON d.id = o.adoption_id WHERE e.id IS NULL "
        "OR d.id IS NULL OR d.kind NOT IN ('cut_over', 'send_difference')",
        _OPENINGS,
        "its event, or the decision that made it, is not there",
    ),
    _Violation(
        "SELECT o.id FROM meter_opening o JOIN meter_event e ON e.id = o.event_id "
        "JOIN adoption d ON d.id = o.adoption_id WHERE e.customer <> d.customer "
        "OR e.stripe_customer <> d.stripe_customer OR e.meter <> d.meter "
        "OR e.livemode <> d.livemode OR CASE d.kind WHEN 'cut_over' THEN "
        "e.hour >= d.from_hour OR e.minutes <> o.minutes OR e.state = 'pending' "
        "OR e.id IN (SELECT event_id FROM meter_attempt) "
        "ELSE o.minutes <> 0 OR e.usage_rows <> 0 END",
        _OPENINGS,
        "it is not what was decided: another's minutes before a cut-over, never sent",
    ),
    _Violation(
        "SELECT a.id FROM meter_attempt a WHERE a.event_id NOT IN "
        "(SELECT id FROM meter_event)",
        _ATTEMPTS,
        "its event is not there",
    ),
    _Violation(
        "SELECT MIN(a.id) FROM meter_attempt a JOIN meter_event e ON e.id = a.event_id "
        "WHERE {months} GROUP BY a.event_id HAVING MIN(a.number) <> 1 "
        "OR MAX(a.number) <> COUNT(*)",
        _ATTEMPTS,
        "attempts of its event are missing",
    ),
    _Violation(
        "SELECT u.id FROM b2b_usage u WHERE {rows} AND u.pull_id NOT IN "
        "(SELECT id FROM pull)",
        TABLE_FILES["b2b_usage"],
        "the pull that read its call is not there",
    ),
    _Violation(
        "SELECT r.id FROM reconciliation_reading r WHERE r.run_id NOT IN "
        "(SELECT id FROM reconciliation_run)",
        TABLE_FILES["reconciliation_reading"],
        "its reconciliation is not there",
    ),
    _Violation(
        "SELECT n.id FROM reconciliation_run n WHERE n.breaks <> "
        "(SELECT COUNT(*) FROM reconciliation_break b WHERE b.run_id = n.id)",
        TABLE_FILES["reconciliation_run"],
        "it found another number of breaks",
    ),
)


def check_meter(work: sqlite3.Connection, months: Months) -> None:
    """Check every event, attempt and reference; raises BadRecord for the first."""
    work.execute(_SUMS)
    work.execute("CREATE UNIQUE INDEX temp.ix_carried ON carried (event)")
    work.execute(
        "CREATE TEMP TABLE shown AS SELECT event_id, minutes FROM meter_reading"
    )
    work.execute("CREATE INDEX temp.ix_shown ON shown (event_id)")
    work.execute("CREATE INDEX ix_attempt ON meter_attempt (event_id, number)")
    work.execute("CREATE INDEX ix_break ON reconciliation_break (run_id)")
    words = {
        "months": months.condition("e.period"),
        "rows": months.condition("u.period"),
    }
    for query, file, why in _INVARIANTS:
        row = work.execute(f"{query.format(**words)} ORDER BY 1 LIMIT 1").fetchone()
        if row is not None:
            raise BadRecord(f"{file}, row {row[0]}", why)


# claims
# The month: what its rows say of it, and whether the manifest says the same.

_CLOSE = "SELECT closed_at, closed_by, digest FROM period_close WHERE period = ?"
_LAST_RUN = """
SELECT id, started_at, settled, complete, difference_minutes, breaks
FROM reconciliation_run WHERE period = ? ORDER BY id DESC LIMIT 1
"""
_READINGS = """
SELECT COALESCE(SUM(pamela_minutes), 0), COALESCE(SUM(ledger_minutes), 0),
  COALESCE(SUM(stripe_minutes), 0), SUM(invoiced_minutes)
FROM reconciliation_reading WHERE run_id = ?
"""
_ITEMS = """
SELECT id, cause, customer, account,
  (SELECT minutes FROM reconciliation_break WHERE case_id = break_case.id
   ORDER BY id DESC LIMIT 1), opened_at, acknowledged_by, reason
FROM break_case WHERE period = ? AND resolved_at IS NULL ORDER BY id
"""
_SIDES = ("pamela_minutes", "ledger_minutes", "stripe_minutes", "invoiced_minutes")
_PARTS_OF_CLOSE = ("closed_at", "closed_by", "digest")
_PARTS_OF_ITEM = (
    "case",
    "cause",
    "customer",
    "account",
    "minutes",
    "opened_at",
    "acknowledged_by",
    "reason",
)


class Month(NamedTuple):
    """What the rows of a bundle say of its month; nothing else of it is shown."""

    totals: list[dict[str, Any]]
    close: dict[str, Any] | None
    reconciliation: dict[str, Any] | None
    unresolved: list[dict[str, Any]]  # with those that a person acknowledged

    @property
    def open_items(self) -> list[dict[str, Any]]:
        """What nobody has resolved or acknowledged."""
        return [item for item in self.unresolved if item["acknowledged_by"] is None]


def read_month(work: sqlite3.Connection, period: str) -> Month:
    """Return what the rows say of a month."""
    row = work.execute(_CLOSE, (period,)).fetchone()
    return Month(
        totals=_currency_totals(work, period),
        close=dict(zip(_PARTS_OF_CLOSE, row, strict=True)) if row else None,
        reconciliation=_last_run(work, period),
        unresolved=[
            dict(zip(_PARTS_OF_ITEM, item, strict=True))
            for item in work.execute(_ITEMS, (period,))
        ],
    )


def check_claims(manifest: Manifest, month: Month, chain: Mapping[str, Any]) -> None:
    """Compare what a manifest sums up with the rows; raises BadRecord."""
    claims = manifest.document
    if claims["chain"] != chain:
        raise BadRecord(MANIFEST, "the chain has another end than it says")
    if claims["totals"] != month.totals:
        raise BadRecord(MANIFEST, "its totals are not those of the rows")
    if claims["close"] != month.close:
        raise BadRecord(MANIFEST, "it names another close than the ledger has")
    if claims["provisional"] is not (month.close is None):
        raise BadRecord(MANIFEST, "a month is provisional just while it is not closed")
    _check_reconciliation(claims["reconciliation"], month)


def _currency_totals(work: sqlite3.Connection, period: str) -> list[dict[str, Any]]:
    """Return a month's control totals, one for each currency."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for _, currency, *numbers in customer_sums(work, period):
        for place, number in enumerate([1, *numbers]):
            sums[currency][place] += number
    names = ("customers", "rows", "minutes", "amount_micro")
    return [
        {"currency": currency, **dict(zip(names, numbers, strict=True))}
        for currency, numbers in sorted(sums.items())
    ]


def _last_run(work: sqlite3.Connection, period: str) -> dict[str, Any] | None:
    run = work.execute(_LAST_RUN, (period,)).fetchone()
    if run is None:
        return None
    number, at, settled, complete, difference, breaks = run
    readings = work.execute(_READINGS, (number,)).fetchone()
    return {
        "run": number,
        "at": at,
        "settled": bool(settled),
        "complete": bool(complete),
        **dict(zip(_SIDES, readings, strict=True)),
        "difference_minutes": difference,
        "breaks": breaks,
    }


def _check_reconciliation(claim: Mapping[str, Any] | None, month: Month) -> None:
    run = month.reconciliation
    if run is None or claim is None:
        if run is not None or claim is not None:
            raise BadRecord(
                MANIFEST, "it names another last reconciliation than there is"
            )
        return
    # Earlier formats list what is not resolved, too.
    shown = {**run, "open_items": month.unresolved}
    for name, value in claim.items():
        if name not in shown or shown[name] != value:
            raise BadRecord(
                MANIFEST, f"its reconciliation has another {name:.40} than the tables"
            )
    missing = sorted(run.keys() - claim.keys())
    if missing:
        raise BadRecord(MANIFEST, f"its reconciliation has no {missing[0]}")


# readme
# The README: what it states of its bundle is so, and its other words are known.

# The README of each format with the names of its statements in their places: whoever
# signs a bundle could write anything there, and the reader would believe it.
_WORDS = {
    "pamela-billing audit bundle 1": (
        "e432132f8496a648e8efd62873c61050e1ccbf769559bf29d29f11e5a84de722"
    ),
    "pamela-billing audit bundle 2": (
        "6cc44009d292b1e9dd8b393ca6cbc045d1ced7d7ae0aa1a59bb68fc46a30a76e"
    ),
    "pamela-billing audit bundle 3": (
        "7cf9d4df145f66fb5d6324d5161394471e53046cdfbdeb33ec6c8914e816bacc"
    ),
    FORMAT: "ddbb1710ceba7295518f137932ac79ea523314430b09ce962db923b7881e7ccf",
}
_LARGEST = 2**20
_PROVISIONAL = """
THE MONTH IS PROVISIONAL: it is not closed, and its figures may still change.
"""


def readme_statements(
    period: str,
    key: str,
    close: Mapping[str, Any] | None,
    spell: Callable[[str], str] = printable,
) -> dict[str, str]:
    """Return all that a README states of one bundle, each by its name."""
    title = f"AUDIT BUNDLE, {period}{'' if close else ', PROVISIONAL'}"
    standing = _PROVISIONAL
    if close:
        who = spell(close["closed_by"])
        standing = f"The month was frozen at {close['closed_at']} by {who}.\n"
    return {
        "title": f"{title}\n{'=' * len(title)}\n",
        "subject": f"All that the billing of phone calls in {period} rests on:",
        "standing": standing,
        "key": f"This bundle is signed by the key\n\n    {key}\n",
    }


def check_readme(container: Container, manifest: Manifest, month: Month) -> None:
    """Compare a README, word by word, with what was verified; raises BadRecord."""
    try:
        words = read_whole(container, GUIDE, _LARGEST).decode()
    except UnicodeDecodeError as fault:
        raise BadRecord(GUIDE, f"it is no text ({fault})") from None
    form = manifest.document["format"]
    # Earlier formats hold names as they came.
    spell = printable if form == FORMAT else str
    statements = readme_statements(manifest.period, manifest.key, month.close, spell)
    for name, statement in statements.items():
        if statement not in words:
            raise BadRecord(GUIDE, f"its {name} is not what the bundle shows")
        words = words.replace(statement, f"{{{name}}}", 1)
    if sha256(words.encode()).hexdigest() != _WORDS[form]:
        raise BadRecord(GUIDE, "its words are not those that such a bundle has")


# proof
# The proof of one call: all that a bundle holds of it, to be read by a person.

_COVER = """
SELECT sequence, first, last, sha, hash, at FROM cover JOIN event USING (sequence)
WHERE tbl = ? AND period = ? AND first <= ? AND last >= ?
"""
_ENTRY = """
SELECT sequence, lower(hex(sha)), hash, at FROM entry JOIN event USING (sequence)
WHERE tbl = ? AND key = ?
"""
_HEAD = "SELECT MIN(number) FROM head WHERE event >= ?"
_DECISION = """
SELECT id, actor, at, reason, evidence FROM call_decision
WHERE account = ? AND call_id = ? AND revision = ?
"""
_CARRIERS = """
SELECT id, identifier, minutes, state, reason, evidence FROM meter_event
WHERE id IN (SELECT event FROM bound WHERE usage = ?)
"""


def money(amount_micro: int, currency: str) -> str:
    """Write an amount exactly, with two places or as many as it needs."""
    whole, rest = divmod(abs(amount_micro), MICRO)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_micro < 0 else ''}{whole:,}.{digits} {currency}"


def prove_call(
    source: LineSource, work: sqlite3.Connection, call_id: str
) -> Iterator[str]:
    """Yield the lines of a call's proof; raises Unreadable for an unknown call."""
    revisions, rows = read_one_call(work, call_id)
    if not revisions:
        raise Unreadable(f"the bundle holds no call {call_id!r:.80}")
    prices = PriceList(work)
    yield f"Call {call_id}"
    decided = any(revision.status == DECIDED for revision in revisions)
    yield "  What Pamela said of it" + (", and a person decided:" if decided else ":")
    for revision in revisions:
        when = f"began {revision.started_at}" if revision.started_at else "never began"
        seconds = revision.duration_seconds
        lasted = "" if seconds is None else f", {seconds} s"
        name = f"revision {revision.revision} of account {revision.account}"
        yield f"    {name}: {revision.status}, {when}{lasted}"
        yield from _decided(work, revision)
        yield from _covered(work, "call", revision.period, revision.id)
        price = prices.at(revision.started_at) if revision.started_at else None
        if revision.customer and price and seconds is not None:
            minutes = max(-(-seconds // 60), 1)
            due = money(price.amount_micro(minutes), price.currency)
            yield (
                f"      max(ceil({seconds} / 60), 1) = {minutes} minutes at "
                f"{price.per_minute} {price.currency} (price {price.id}, from "
                f"{price.effective_from}) = {due} for {revision.customer}"
            )
    yield "  What is billed for it:"
    for row in rows:
        yield from _billed(work, row)
    yield from _reported(source, work, rows)


def _decided(work: sqlite3.Connection, revision: Revision) -> Iterator[str]:
    values = revision.account, revision.call_id, revision.revision
    for number, actor, at, reason, evidence in work.execute(_DECISION, values):
        yield f"      {actor} decided it at {at}: {reason} ({evidence})"
        yield from _entered(work, "call_decision", number)


def _billed(work: sqlite3.Connection, row: Usage) -> Iterator[str]:
    corrects = "" if row.corrects is None else f", corrects row {row.corrects}"
    yield (
        f"    row {row.id}: {row.type} of {row.minutes} minutes, "
        f"{money(row.amount_micro, row.currency)}, for {row.customer} in {row.period}, "
        f"hour {row.hour}{corrects}"
    )
    yield from _covered(work, "b2b_usage", row.period, row.id)


def _reported(
    source: LineSource, work: sqlite3.Connection, rows: list[Usage]
) -> Iterator[str]:
    events: dict[int, Any] = {}
    for row in rows:
        events |= {event[0]: event for event in work.execute(_CARRIERS, (row.id,))}
    if not events:
        yield "  No meter event carries it."
        return
    yield "  How it was reported to Stripe:"
    for number, identifier, minutes, state, reason, evidence in events.values():
        status = f"{state}, {reason}" if reason else state
        yield f"    event {identifier}: {minutes} minutes in all, {status}"
        yield from _entered(work, "meter_event", number)
        if evidence:
            yield f"      evidence: {evidence}"
    for attempt in read_rows(source, "meter_attempt"):
        if attempt[1] in events:
            answer = f"{attempt[7]}, HTTP {attempt[8]}, request {attempt[9]}"
            of = f"attempt {attempt[2]} of event {attempt[1]}"
            yield f"    {of} at {attempt[5]}: {answer}"
            yield from _entered(work, "meter_attempt", attempt[0])
    for reading in read_rows(source, "meter_reading"):
        if reading[1] in events:
            of = f"reading of event {reading[1]}"
            yield f"    {of} at {reading[2]}: {reading[3]} minutes"


def _covered(
    work: sqlite3.Connection, table: str, period: str, number: int
) -> Iterator[str]:
    for cover in work.execute(_COVER, (table, period, number, number)):
        sequence, first, last, sha, hashed, at = cover
        among = f"rows {first} to {last}, SHA-256 {sha}"
        yield f"      row {number} of {table} is among {among}"
        yield f"      {_anchor(work, sequence, hashed, at)}"


def _entered(work: sqlite3.Connection, table: str, key: int) -> Iterator[str]:
    for sequence, sha, hashed, at in work.execute(_ENTRY, (table, key)):
        yield f"      row {key} of {table} has SHA-256 {sha}"
        yield f"      {_anchor(work, sequence, hashed, at)}"


def _anchor(work: sqlite3.Connection, sequence: int, hashed: str, at: str) -> str:
    (head,) = work.execute(_HEAD, (sequence,)).fetchone()
    signed = f"head {head}" if head else "this bundle alone"
    return f"in audit event {sequence} of {at}, {hashed}, signed in {signed}"


# verification
# The verification: everything that is checked, in order, over lines from anywhere.

class BundleSummary(NamedTuple):
    """What was shown of a source: its chain, its keys, and what was rated again."""

    chain: Mapping[str, Any]
    keys: list[str]
    calls: int
    usage_rows: int


class Verification(NamedTuple):
    """What was shown of a bundle, and of one call where it was asked for."""

    manifest: Manifest
    left: list[str]  # files that lie there and are no part of the bundle
    shown: BundleSummary
    month: Month
    older_events: int | None
    proof: tuple[str, ...]


def verify_lines(
    source: LineSource,
    work: sqlite3.Connection,
    months: Months,
    asked: str | None = None,
) -> BundleSummary:
    """Check lines that have no manifest; raises BadRecord at the first fault."""
    chain = follow_chain(source, work)
    heads, head = check_heads(source, work, chain.keys)
    loader = RowLoader(source, work, chain, months, asked)
    loader.load_all()
    load_bindings(source, work)
    compare_entries(work, months)
    chain.states.check()
    prices = PriceList(work)
    calls, rows_rated = loader.keep_apart()
    closes = loader.pairs.closes if loader.pairs else Closes(work, prices)
    rating = Rating(prices, months, closes.closed, read_decisions(work))
    for revisions, rows in read_calls(work):
        if rating.concerns(revisions, rows):
            rating.check(revisions, rows)
            closes.add(revisions, rows)
            calls += 1
            rows_rated += len(rows)
    closes.finish([period for period in closes.closed if period in months])
    check_meter(work, months)
    end = {"events": chain.events, "hash": chain.hash, "heads": heads, "head": head}
    return BundleSummary(end, chain.keys.fingerprints, calls, rows_rated)


def verify_in_workspace(
    source: LineSource, months: Months, asked: str | None = None
) -> BundleSummary:
    """Check a source of lines that has no manifest; raises BadRecord, Unreadable."""
    try:
        with open_workspace() as work:
            return verify_lines(source, work, months, asked)
    except sqlite3.OperationalError as fault:
        raise out_of_room(fault) from None


def verify_bundle(
    path: Path,
    *,
    older: Path | None = None,
    key: str | None = None,
    call_id: str | None = None,
) -> Verification:
    """Verify a bundle; raises BadRecord for the first one, Unreadable for none."""
    try:
        with closing(open_container(path)) as container, open_workspace() as work:
            return _verify(container, work, older=older, key=key, call_id=call_id)
    except NONSENSE as fault:
        raise BadRecord(path.name, f"it makes no sense ({fault!r:.80})") from None
    except sqlite3.OperationalError as fault:
        raise out_of_room(fault) from None


def _verify(
    container: Container,
    work: sqlite3.Connection,
    *,
    older: Path | None,
    key: str | None,
    call_id: str | None,
) -> Verification:
    manifest = read_manifest(container, key)
    check_files(container, manifest)
    source = BundleLines(container)
    shown = verify_lines(source, work, Months(manifest.period), call_id)
    if manifest.key not in shown.keys:
        raise BadRecord(SEAL, f"the key {manifest.key} is not in the chain")
    month = read_month(work, manifest.period)
    check_claims(manifest, month, shown.chain)
    check_readme(container, manifest, month)
    events = None if older is None else _check_extends(older, work)
    proof = () if call_id is None else prove_call(source, work, call_id)
    return Verification(
        manifest=manifest,
        left=container.left,
        shown=shown,
        month=month,
        older_events=events,
        proof=tuple(proof),
    )


def out_of_room(fault: sqlite3.OperationalError) -> BadRecord | Unreadable:
    """Return what a failure of the temporary database means."""
    if "overflow" in str(fault):
        return BadRecord("b2b_usage", "its rows add up to more than 64 bits hold")
    where = "in the folder for temporary files (TMPDIR)"
    return Unreadable(f"{fault}; make room {where}, then verify again")


def _check_extends(older: Path, work: sqlite3.Connection) -> int:
    """Check that the chain of an older bundle is a beginning of this one's."""
    chain = _follow_older(older)
    query = "SELECT hash FROM event WHERE sequence = ?"
    row = work.execute(query, (chain.events,)).fetchone()
    if row is None:
        why = f"the chain ends before event {chain.events}, which {older.name} has"
        raise BadRecord(EVENTS, why)
    if row[0] != chain.hash:
        why = f"event {chain.events} is another than in {older.name}: not extended only"
        raise BadRecord(EVENTS, why)
    return chain.events


def _follow_older(older: Path) -> Chain:
    """Return the chain of an older bundle; whatever is wrong in it is said of it."""
    try:
        return _read_older(older)
    except BadRecord as bad:
        where = f"the older bundle {older.name}, {bad.where}"
        raise BadRecord(where, bad.why) from None


def _read_older(older: Path) -> Chain:
    with closing(open_container(older)) as container, open_workspace() as past:
        earlier = read_manifest(container)
        check_files(container, earlier)
        chain = follow_chain(BundleLines(container), past)
    if earlier.key not in chain.keys.fingerprints:
        raise BadRecord(SEAL, f"the key {earlier.key} is not in its chain")
    return chain


# program
# The program: arguments in, PASS or the first bad record out.

PASSED, FAILED, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the command line names; returns the exit code."""
    options = _parser().parse_args(arguments)
    code, document, lines = report_verification(
        options.bundle,
        older=options.consistent_with,
        key=options.key,
        call_id=options.call,
    )
    lines = [printable(line) for line in lines]
    text = json.dumps(document, indent=2) if options.json else "\n".join(lines)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal or a file of another encoding has no sign for is an escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read our output has had enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def report_verification(
    bundle: Path,
    *,
    older: Path | None = None,
    key: str | None = None,
    call_id: str | None = None,
) -> tuple[int, dict[str, Any], list[str]]:
    """Verify a bundle; returns exit code, the answer as a document and as lines."""
    try:
        verdict = verify_bundle(bundle, older=older, key=key, call_id=call_id)
    except BadRecord as bad:
        document = {"verdict": "FAIL", "where": bad.where, "why": bad.why}
        return FAILED, document, [f"FAIL  {bad}"]
    except (Unreadable, OSError, MemoryError) as fault:
        why = str(fault) or "the memory of this machine is too small for it"
        document = {"verdict": "UNREADABLE", "why": why}
        return UNUSABLE, document, [f"Nothing was verified: {why}"]
    document = {"verdict": "PASS", **_document(verdict, trusted=key is not None)}
    return PASSED, document, list(_lines(verdict, bundle.name, trusted=key is not None))


def _document(verdict: Verification, *, trusted: bool) -> dict[str, Any]:
    month, run = verdict.month, verdict.month.reconciliation
    return {
        "period": verdict.manifest.period,
        "provisional": month.close is None,
        "key": verdict.manifest.key,
        "key_is_the_trusted_one": trusted,
        "chain": verdict.shown.chain,
        "keys": verdict.shown.keys,
        "calls": verdict.shown.calls,
        "usage_rows": verdict.shown.usage_rows,
        "totals": month.totals,
        "close": month.close,
        "reconciliation": run and {**run, "open_items": month.unresolved},
        "verifier_sha256": verdict.manifest.files[PROGRAM]["sha256"],
        "not_part_of_the_bundle": verdict.left,
        "extends_events": verdict.older_events,
        "proof": list(verdict.proof),
    }


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if abs(number) == 1 else f"{number:,} {what}s"


def _lines(verdict: Verification, name: str, *, trusted: bool) -> list[str]:
    month, shown = verdict.month, verdict.shown
    chain = shown.chain
    seal = f"it is signed by the key {verdict.manifest.key}"
    events = f"{_counted(chain['events'], 'audit event')} without a gap"
    heads = _counted(chain["heads"], "signed head")
    rated = f"{_counted(shown.usage_rows, 'row')} of usage rated again"
    lines = [
        f"PASS  {name}, {verdict.manifest.period}",
        f"  {len(verdict.manifest.files)} files are as the manifest says; {seal}",
        f"  {events}, {heads}; its end is {chain['hash']}",
        f"  {rated} from {_counted(shown.calls, 'call')}",
    ]
    for total in month.totals:
        amount = money(total["amount_micro"], total["currency"])
        rows = _counted(total["rows"], "row")
        minutes = _counted(total["minutes"], "minute")
        customers = _counted(total["customers"], "customer")
        lines.append(f"  total: {rows}, {minutes}, {amount}, {customers}")
    lines.append(
        f"  the month is frozen under the digest {month.close['digest']}"
        if month.close
        else "  PROVISIONAL: the month is not closed, its figures may still change"
    )
    lines.append(f"  {_reconciled(month)}")
    if verdict.older_events is not None:
        lines.append(
            f"  the older bundle's {verdict.older_events:,} audit events are the "
            "beginning of this chain"
        )
    if verdict.left:
        lines.append(f"  not part of the bundle: {', '.join(verdict.left)}")
    sha256 = verdict.manifest.files[PROGRAM]["sha256"]
    lines.append(f"  the verify.py inside has the SHA-256 {sha256}")
    if not trusted:
        lines.append(
            "  whose key that is, no bundle can show: compare it with the fingerprint "
            "that you were given, or give it with --key"
        )
    return [*lines, *verdict.proof]


def _reconciled(month: Month) -> str:
    run, still_open = month.reconciliation, len(month.open_items)
    if run is None:
        return "the month was never reconciled"
    difference = _counted(run["difference_minutes"], "minute")
    known = len(month.unresolved) - still_open
    acknowledged = f", {known:,} acknowledged" if known else ""
    return (
        f"reconciliation {run['run']}: Stripe less Pamela is {difference}; "
        f"{_counted(still_open, 'item')} open{acknowledged}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Verify an audit bundle: PASS, or the first bad record and why.",
        epilog="Exit codes: 0 PASS, 1 a bad record, 2 nothing could be verified.",
    )
    here = Path(sys.argv[0]).resolve().parent
    parser.add_argument(
        "bundle",
        nargs="?",
        type=Path,
        default=here,
        help="a zip file, or the folder it was unpacked into (default: where this is)",
    )
    parser.add_argument(
        "--consistent-with",
        type=Path,
        metavar="OLDER",
        help="also show that an older bundle was only extended",
    )
    parser.add_argument("--call", metavar="ID", help="also print what proves one call")
    parser.add_argument(
        "--key", metavar="FINGERPRINT", help="the key that you trust, and no other"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    return parser

if __name__ == "__main__":
    sys.exit(main())
