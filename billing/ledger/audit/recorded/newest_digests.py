"""Newest digests: what the trail said last of each row, found without reading it.

They are an index of the trail: written with each of its events, and compared with all
of them when a whole ledger is looked at.
"""

import json
from collections.abc import Collection, Iterator
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, inspect

from billing.ledger.audit.row_reader import ask
from billing.ledger.schema.tables import row_digest

# What covers say of rows and of ranges; {events} is the trail, or one event of it.
# The limit has SQLite read a cover once, and not again for each row that it names.
_SQLITE_ROWS = """
SELECT c.event, c.name, CAST(json_extract(e.value, '$[0]') AS TEXT) AS key,
  json_extract(e.value, '$[1]') AS sha256
FROM (
  SELECT a.id AS event, json_extract(c.value, '$.table') AS name,
    json_extract(c.value, '$.each') AS named
  FROM {events} a, json_each(a.covers) c LIMIT -1
) c, json_each(c.named) e
"""
_SQLITE_RANGES = """
SELECT json_extract(c.value, '$.table') AS name,
  json_extract(c.value, '$.period') AS period,
  json_extract(c.value, '$.first') AS first, json_extract(c.value, '$.last') AS last,
  json_extract(c.value, '$.rows') AS rows, json_extract(c.value, '$.sha256') AS sha256,
  a.id AS event
FROM {events} a, json_each(a.covers) c
WHERE json_extract(c.value, '$.first') IS NOT NULL
"""
_POSTGRESQL_ROWS = """
SELECT a.id AS event, c ->> 'table' AS name, e ->> 0 AS key, e ->> 1 AS sha256
FROM {events} a, jsonb_array_elements(CAST(a.covers AS jsonb)) c,
  jsonb_array_elements(c -> 'each') e
"""
_POSTGRESQL_RANGES = """
SELECT c ->> 'table' AS name, c ->> 'period' AS period,
  CAST(c ->> 'first' AS bigint) AS first, CAST(c ->> 'last' AS bigint) AS last,
  CAST(c ->> 'rows' AS bigint) AS rows, c ->> 'sha256' AS sha256, a.id AS event
FROM {events} a, jsonb_array_elements(CAST(a.covers AS jsonb)) c
WHERE jsonb_exists(c, 'first')
"""
_ONE_ON_SQLITE = "(SELECT ? AS id, ? AS covers)"
_ONE_ON_POSTGRESQL = "(SELECT CAST(%s AS bigint) AS id, CAST(%s AS text) AS covers)"
# Of one event; before an ON CONFLICT, SQLite wants a WHERE.
_KEEP = """
INSERT INTO row_digest (name, key, sha256, event)
SELECT name, key, sha256, event FROM ({rows}) said WHERE true
ON CONFLICT (name, key) DO UPDATE SET sha256 = excluded.sha256, event = excluded.event
"""
_KEEP_RANGES = """
INSERT INTO row_range (name, period, first, last, rows, sha256, event)
SELECT name, period, first, last, rows, sha256, event FROM ({ranges}) said
"""
# Of the whole trail: each row at its newest event.
_KEEP_ALL = """
INSERT INTO row_digest (name, key, sha256, event)
SELECT name, key, sha256, event FROM (
  SELECT said.*, row_number() OVER (PARTITION BY name, key ORDER BY event DESC) AS turn
  FROM ({rows}) said
) numbered WHERE turn = 1
"""
_ROWS_DIFFER = """
SELECT min(CASE WHEN d.event IS NULL OR d.event < s.event
    OR (d.event = s.event AND d.sha256 <> s.sha256) THEN s.name || ' ' || s.key END),
  (SELECT count(*) FROM row_digest)
    - count(CASE WHEN d.event = s.event AND d.sha256 = s.sha256 THEN 1 END)
FROM ({rows}) s LEFT JOIN row_digest d ON d.name = s.name AND d.key = s.key
"""
_RANGES_DIFFER = """
SELECT min(CASE WHEN d.event IS NULL OR d.event <> s.event OR d.last <> s.last
    OR d.rows <> s.rows OR d.sha256 <> s.sha256 THEN s.name || ' of ' || s.period END),
  (SELECT count(*) FROM row_range) - count(d.event)
FROM ({ranges}) s LEFT JOIN row_range d
  ON d.name = s.name AND d.period = s.period AND d.first = s.first
"""
_ASK_ON_SQLITE = """
SELECT json_group_object(key, sha256) FROM row_digest
WHERE name = ? AND key IN (SELECT CAST(value AS TEXT) FROM json_each(?))
"""
_ASK_ON_POSTGRESQL = """
SELECT json_object_agg(key, sha256) FROM row_digest
WHERE name = %s AND key IN (SELECT jsonb_array_elements_text(CAST(%s AS jsonb)))
"""


class _Words(NamedTuple):
    """How a database is asked and told."""

    keep: str
    keep_ranges: str
    keep_all: str
    keep_all_ranges: str
    rows_differ: str
    ranges_differ: str
    ask: str


@cache
def _words(dialect: str) -> _Words:
    if dialect == "sqlite":
        rows, ranges, one = _SQLITE_ROWS, _SQLITE_RANGES, _ONE_ON_SQLITE
    else:
        rows, ranges, one = _POSTGRESQL_ROWS, _POSTGRESQL_RANGES, _ONE_ON_POSTGRESQL
    every, every_range = (part.format(events="audit_event") for part in (rows, ranges))
    return _Words(
        keep=_KEEP.format(rows=rows.format(events=one)),
        keep_ranges=_KEEP_RANGES.format(ranges=ranges.format(events=one)),
        keep_all=_KEEP_ALL.format(rows=every),
        keep_all_ranges=_KEEP_RANGES.format(ranges=every_range),
        rows_differ=_ROWS_DIFFER.format(rows=every),
        ranges_differ=_RANGES_DIFFER.format(ranges=every_range),
        ask=_ASK_ON_SQLITE if dialect == "sqlite" else _ASK_ON_POSTGRESQL,
    )


def remember(
    connection: Connection, event: int, covers: str, *, rows: bool, ranges: bool
) -> None:
    """Keep what an event says of rows and of ranges, where it covers any."""
    words = _words(connection.dialect.name)
    if rows:
        ask(connection, words.keep, (event, covers))
    if ranges:
        ask(connection, words.keep_ranges, (event, covers))


def remember_all(connection: Connection) -> None:
    """Keep what the whole trail says, where nothing of it is kept yet."""
    words = _words(connection.dialect.name)
    ask(connection, words.keep_all)
    ask(connection, words.keep_all_ranges)


def has_index(connection: Connection) -> bool:
    """Say whether a schema that is being upgraded has come so far."""
    return inspect(connection).has_table(row_digest.name)


def newest_digests(
    connection: Connection, name: str, keys: Collection[int | str]
) -> dict[str, str]:
    """Return what the trail said last of these rows, by their keys as texts."""
    query = _words(connection.dialect.name).ask
    ((found,),) = ask(connection, query, (name, json.dumps([*keys])))
    said: dict[str, str] = json.loads(found) if type(found) is str else found
    return said or {}


def recorded_digest(name: str, key: str) -> str:
    """Return the SQL of what the trail said last of a row of `t`, a table."""
    return (
        f"(SELECT d.sha256 FROM row_digest d WHERE d.name = '{name}' "  # noqa: S608 # names are ours
        f"AND d.key = CAST(t.{key} AS TEXT))"
    )


def index_faults(connection: Connection) -> Iterator[str]:
    """Name a row of which the index says something else than the whole trail."""
    words = _words(connection.dialect.name)
    for query in (words.rows_differ, words.ranges_differ):
        ((where, too_many),) = ask(connection, query)
        if where is not None or too_many:
            named = where or f"{abs(too_many)} more rows than the trail"
            yield (
                f"the index of the trail's digests is not what it says ({named}); "
                "`pamela-billing db verify --rebuild-index` makes it anew"
            )
