"""Scope: which rows a check looks at, all of them or those since an earlier check."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    func,
    select,
    true,
    union,
)

from billing.ledger.tables import b2b_usage, call, meter_attempt, meter_event, pull

# Numbers in one statement; both databases take many more.
CHUNK = 2_000
T = TypeVar("T")


class Marks(NamedTuple):
    """The newest row of each table that only grows, as a check saw it."""

    call: int
    usage: int
    event: int
    attempt: int
    pull: int

    @classmethod
    def of(cls, connection: Connection) -> "Marks":
        """Return where the tables end now."""
        tables = call, b2b_usage, meter_event, meter_attempt, pull
        return cls(*(_end(connection, table) for table in tables))


class CallKey(NamedTuple):
    """A call: its account and its id."""

    account: str
    call_id: str


class Scope:
    """What one check looks at."""

    def __init__(self, connection: Connection, since: Marks | None) -> None:
        """Look at all rows, or at what came or changed since the marks."""
        self.connection = connection
        self.since = since

    @cached_property
    def calls(self) -> list[CallKey] | None:
        """The calls that are new, or whose rows are; None for all."""
        if self.since is None:
            return None
        usage = b2b_usage.c
        query = union(
            select(call.c.account, call.c.call_id).where(call.c.id > self.since.call),
            select(usage.account, usage.call_id).where(usage.id > self.since.usage),
        )
        return sorted(CallKey(*row) for row in self.connection.execute(query))

    @cached_property
    def _events(self) -> list[int] | None:
        if self.since is None:
            return None
        event, attempt, usage = meter_event.c, meter_attempt.c, b2b_usage.c
        query = union(
            select(event.id).where(event.id > self.since.event),
            # What is about to be sent is always looked at before.
            select(event.id).where(event.state != "synced", event.state == "pending"),
            select(attempt.event_id).where(attempt.id > self.since.attempt),
            select(usage.meter_event_id).where(
                usage.id > self.since.usage, usage.meter_event_id.is_not(None)
            ),
        )
        return sorted(self.connection.scalars(query))

    def events(self) -> Iterator[Sequence[int] | None]:
        """Yield the numbers of events to look at, part by part; None for all."""
        if self._events is None:
            yield None
        else:
            yield from chunks(self._events)

    def pulls(self, query: Select[tuple[int]]) -> Select[tuple[int]]:
        """Restrict a query of pulls to those that are looked at."""
        return query if self.since is None else query.where(pull.c.id > self.since.pull)


def among(
    column: ColumnElement[int], numbers: Sequence[int] | None
) -> ColumnElement[bool]:
    """Return the condition that a column is one of some numbers; None for any."""
    return true() if numbers is None else column.in_(numbers)


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list into parts that fit into a statement."""
    for first in range(0, len(items), CHUNK):
        yield items[first : first + CHUNK]


def _end(connection: Connection, table: Table) -> int:
    query = select(func.coalesce(func.max(table.c.id), 0))
    return int(connection.execute(query).scalar_one())
