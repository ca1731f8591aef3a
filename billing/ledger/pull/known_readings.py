"""Known readings: records that a source tells as it told them, and how they stand."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select

from billing.domain.call import DECIDED
from billing.ledger.audit.row_reader import ask
from billing.ledger.schema.columns import format_time
from billing.ledger.schema.tables import call, pull_rules


class KnownReading(NamedTuple):
    """A call's newest revision, if a source told it, of a record just like this one.

    `placed_at` is a moment, or on SQLite its text: most are never looked at.
    """

    call_id: str
    period: str
    not_billable: str | None
    customer: str | None
    pull_id: int
    placed_at: datetime | str


_COLUMNS = (
    "c.call_id",
    "c.revision",
    "c.source_sha256",
    "c.status",
    "c.period",
    "c.not_billable",
    "c.customer",
    "c.pull_id",
    "coalesce(c.started_at, c.created_at)",
    "c.started_at IS NULL OR c.started_at <= {mark}",
)


def known_readings(
    connection: Connection, account: str, digests: Mapping[str, str], latest: datetime
) -> list[KnownReading]:
    """Return the calls whose records are as they were told last, by their digests.

    Not those that a person decided, that have no time, or that start after `latest`.
    """
    newest: dict[str, Sequence[Any]] = {}
    for row in _revisions(connection, account, list(digests), latest):
        other = newest.get(row[0])
        if other is None or other[1] < row[1]:
            newest[row[0]] = row
    return [
        KnownReading(call_id, *rest)
        for call_id, _, sha256, status, *rest, is_past in newest.values()
        if sha256 == digests[call_id]
        and status != DECIDED
        and rest[-1] is not None
        and is_past
    ]


def _revisions(
    connection: Connection, account: str, names: list[str], latest: datetime
) -> Sequence[Sequence[Any]]:
    on_sqlite = connection.dialect.name == "sqlite"
    query = _query(on_sqlite=on_sqlite)
    if not on_sqlite:
        return ask(connection, query, (latest, account, names))
    # One text for all: the driver gives Python's lock away at every row.
    ((packed,),) = ask(
        connection, query, (format_time(latest), account, json.dumps(names))
    )
    rows: list[list[Any]] = orjson.loads(packed)
    return rows


@cache
def _query(*, on_sqlite: bool) -> str:
    columns = ", ".join(_COLUMNS)
    if on_sqlite:
        columns = columns.format(mark="?")
        return (
            f"SELECT json_group_array(json_array({columns})) FROM call c "  # noqa: S608 # names are ours
            "WHERE c.account = ? AND c.call_id IN (SELECT value FROM json_each(?))"
        )
    columns = columns.format(mark="%s")
    return (
        f"SELECT {columns} FROM call c "  # noqa: S608 # names are ours
        "WHERE c.account = %s AND c.call_id = ANY(CAST(%s AS text[]))"
    )


def has_calls(connection: Connection, account: str) -> bool:
    """Say whether an account has any call."""
    query = select(call.c.id).where(call.c.account == account).limit(1)
    return connection.execute(query).first() is not None


def read_by_rules(
    connection: Connection, numbers: Collection[int], sha256: str
) -> frozenset[int]:
    """Return those of some pulls that read and rated by these rules."""
    query = select(pull_rules.c.pull_id).where(
        pull_rules.c.pull_id.in_(numbers), pull_rules.c.sha256 == sha256
    )
    return frozenset(connection.execute(query).scalars())
