"""Entries: rows that may move, compared with the newest event about each."""

import sqlite3
from collections.abc import Iterable
from hashlib import sha256
from itertools import islice, repeat
from typing import Any

from billing.verifier.covers import Months
from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.rows import LineSource, check_header, read_lines
from billing.verifier.shapes import (
    BINDING,
    BINDING_COLUMNS,
    TABLE_FILES,
    read_json,
)

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
        "SELECT tbl, key, held.sha, entry.sha, sequence FROM held "  # noqa: S608 # a checked month
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
