"""Scope: which rows a check looks at, all of them or those since an earlier check."""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    func,
    select,
    true,
    union,
)

from billing.ledger.schema.tables import (
    audit_event,
    b2b_usage,
    call,
    meter_attempt,
    meter_event,
    pull,
)

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
    trail: int = 0  # its newest audit event

    @classmethod
    def of(cls, connection: Connection) -> "Marks":
        """Return where the tables end now."""
        return cls(**connection.execute(_ends()).one()._mapping)


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
        rows = self.connection.execute(_new_calls(), self.since._asdict())
        return sorted(CallKey(**row._mapping) for row in rows)

    @cached_property
    def _events(self) -> list[int] | None:
        if self.since is None:
            return None
        return sorted(self.connection.scalars(_new_events(), self.since._asdict()))

    @property
    def whole(self) -> bool:
        """Whether all rows are looked at."""
        return self.since is None

    def events(self) -> Iterator[dict[str, Sequence[int]]]:
        """Yield what `among` asks for, part by part: the events to look at."""
        if self._events is None:
            yield {}
        else:
            yield from ({"events": part} for part in chunks(self._events))

    def pulls(self, query: Select[tuple[int]]) -> Select[tuple[int]]:
        """Restrict a query of pulls to those that are looked at."""
        return query if self.since is None else query.where(pull.c.id > self.since.pull)


@cache
def _new_calls() -> CompoundSelect[Any]:
    usage = b2b_usage.c
    return union(
        select(call.c.account, call.c.call_id).where(call.c.id > bindparam("call")),
        select(usage.account, usage.call_id).where(usage.id > bindparam("usage")),
    )


@cache
def _new_events() -> CompoundSelect[Any]:
    event, attempt, usage = meter_event.c, meter_attempt.c, b2b_usage.c
    return union(
        select(event.id).where(event.id > bindparam("event")),
        # What is about to be sent is always looked at before.
        select(event.id).where(event.state != "synced", event.state == "pending"),
        select(attempt.event_id).where(attempt.id > bindparam("attempt")),
        select(usage.meter_event_id).where(
            usage.id > bindparam("usage"), usage.meter_event_id.is_not(None)
        ),
    )


def among(column: ColumnElement[int], *, whole: bool) -> ColumnElement[bool]:
    """Return the condition that a column is one of the `events` that are asked for."""
    return true() if whole else column.in_(bindparam("events", expanding=True))


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list into parts that fit into a statement."""
    for first in range(0, len(items), CHUNK):
        yield items[first : first + CHUNK]


@cache
def _ends() -> Select[Any]:
    tables = {
        "call": call,
        "usage": b2b_usage,
        "event": meter_event,
        "attempt": meter_attempt,
        "pull": pull,
        "trail": audit_event,
    }
    newest = (
        func.coalesce(select(func.max(table.c.id)).scalar_subquery(), 0).label(name)
        for name, table in tables.items()
    )
    return select(*newest)
