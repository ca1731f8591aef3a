"""Events of the trail: their lines, how one is added, and which is the last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, insert, select

from billing.domain.signed_head import NONE_BEFORE
from billing.ledger.audit.canonical_json import digest, format_document, quoted
from billing.ledger.audit.row_reader import ask
from billing.ledger.schema.bulk_load import load_rows
from billing.ledger.schema.tables import audit_event
from billing.ledger.stored_json import read_stored, whole

Said = TypeVar("Said")
_ADD = insert(audit_event)
_COLUMNS = tuple(str(column.name) for column in audit_event.columns)
_AT_ONCE = 2_000
_column = audit_event.c
_LAST = "SELECT id, hash, state, at FROM audit_event ORDER BY id DESC LIMIT 1"
_FIRST = "SELECT hash FROM audit_event ORDER BY id LIMIT 1"
_LAST_OF_ACTIONS = (
    select(audit_event)
    .where(_column.action.in_(bindparam("actions", expanding=True)))
    .order_by(_column.id.desc())
    .limit(1)
)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class State(NamedTuple):
    """How far the trail has come: the last row of each table, and the balance.

    The balance is that of all usage rows: how many, minutes, micro-units.
    """

    last: dict[str, int]
    rows: int = 0
    minutes: int = 0
    amount_micro: int = 0

    def format(self) -> str:
        """Return its canonical form."""
        balance = {
            "rows": self.rows,
            "minutes": self.minutes,
            "amount_micro": self.amount_micro,
        }
        return format_document({"last": self.last, "balance": balance}).decode()

    @classmethod
    def read(cls, text: str) -> "State":
        """Return what a canonical form says."""
        return read_stored(text, "a state of the trail", cls._of)

    @classmethod
    def _of(cls, document: Any) -> "State":
        last = {name: whole(number) for name, number in document["last"].items()}
        balance = {name: whole(sum_) for name, sum_ in document["balance"].items()}
        return cls(last, **balance)


class ChainTip(NamedTuple):
    """The newest event: what the next one is chained to."""

    sequence: int
    hash: str
    state: State
    at: datetime


class Recorded(NamedTuple):
    """An event as it is stored; detail and covers are canonical JSON."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str | None
    detail: str
    covers: str
    hash: str


class EventDraft(NamedTuple):
    """What one event will say of who did what, when and why."""

    at: datetime
    actor: str
    action: str
    subject: str
    reason: str | None
    detail: Mapping[str, object]


def chain_tip(connection: Connection) -> ChainTip:
    """Return the newest event; before the first, what stands for it."""
    rows = ask(connection, _LAST)
    if not rows:
        return ChainTip(0, NONE_BEFORE, State({}), _BEGINNING)
    ((number, hashed, state, at),) = rows
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at.astimezone(UTC)
    return ChainTip(number, hashed, State.read(state), moment)


def origin_of(connection: Connection) -> str:
    """Return the hash of the first event, which a ledger has in common with its copies.

    Before there is one, what stands for it.
    """
    rows = ask(connection, _FIRST)
    return str(rows[0][0]) if rows else NONE_BEFORE


def add_events(
    connection: Connection,
    before: ChainTip,
    drafts: Sequence[EventDraft],
    covers: str,
    state: State,
) -> ChainTip:
    """Chain events to the one before; the last of a transaction has what it covers.

    Returns the end of the chain as it is then.
    """
    rows = []
    previous = before.hash
    for number, draft in enumerate(drafts, start=before.sequence + 1):
        last = draft is drafts[-1]
        row = {
            "id": number,
            **draft._asdict(),
            "at": draft.at.astimezone(UTC),
            "detail": format_document(draft.detail).decode(),
            "covers": covers if last else "[]",
            "state": (state if last else before.state).format(),
            "previous": previous,
        }
        previous = digest(_line(row))
        rows.append(row | {"hash": previous})
    if connection.dialect.name == "sqlite":
        # Every transaction that writes comes here: past SQLAlchemy it is quicker.
        values = [[row[name] for name in _COLUMNS] for row in rows]
        load_rows(connection, audit_event, _COLUMNS, values)
    else:
        connection.execute(_ADD, rows)
    newest = rows[-1]
    return ChainTip(newest["id"], newest["hash"], state, newest["at"])


def event_lines(
    connection: Connection, *, after: int = 0
) -> Iterator[tuple[int, str, bytes]]:
    """Stream (sequence, recorded hash, line) of the events, oldest first."""
    query = _all().where(_column.id > after).order_by(_column.id)
    streamed = query.execution_options(yield_per=_AT_ONCE)
    with connection.execute(streamed) as result:
        for row in result:
            yield row.id, row.hash, _line(row._mapping)


def line_of(connection: Connection, sequence: int) -> tuple[str, bytes] | None:
    """Return the recorded hash and the line of one event; None when it is not there."""
    row = connection.execute(_all().where(_column.id == sequence)).first()
    return None if row is None else (row.hash, _line(row._mapping))


def last_of_actions(connection: Connection, actions: list[str]) -> Row[Any] | None:
    """Return the newest event with one of these actions."""
    return connection.execute(_LAST_OF_ACTIONS, {"actions": actions}).first()


def notes_of_action(
    connection: Connection, action: str, read: Callable[[Any], Said]
) -> Iterator[list[tuple[str, Said]]]:
    """Yield what each event of an action says of its subjects, oldest first.

    `read` takes it from a detail. Raises UnreadableValue where it is not there.
    """
    query = select(_column.subject, _column.detail).where(_column.action == action)
    for row in connection.execute(query.order_by(_column.id)):
        of_each = partial(_of_each, row.subject, read)
        yield read_stored(row.detail, f"a detail of {action}", of_each)


def _of_each(
    only: str, read: Callable[[Any], Said], detail: Any
) -> list[tuple[str, Said]]:
    each = detail.get("each", [[only, detail]])
    return [(str(subject), read(of_subject)) for subject, of_subject in each]


def newest_events(connection: Connection, most: int, action: str) -> list[Recorded]:
    """Return the newest events whose action begins so, oldest first."""
    columns = [_column[name] for name in Recorded._fields if name != "sequence"]
    query = select(_column.id.label("sequence"), *columns)
    if action:
        query = query.where(_column.action.startswith(action, autoescape=True))
    rows = connection.execute(query.order_by(_column.id.desc()).limit(most)).all()
    return [Recorded(**row._mapping) for row in reversed(rows)]


def _all() -> Select[Any]:
    return select(audit_event)


def _line(row: Mapping[Any, Any]) -> bytes:
    return format_document(
        {
            "sequence": row["id"],
            "at": row["at"].isoformat(),
            "actor": row["actor"],
            "action": row["action"],
            "subject": row["subject"],
            "reason": row["reason"],
            "detail": quoted(row["detail"]),
            "covers": quoted(row["covers"]),
            "state": quoted(row["state"]),
            "previous": row["previous"],
        }
    )


def last_moment(connection: Connection) -> datetime | None:
    """Return when something was last recorded; None in a new ledger."""
    newest = select(audit_event.c.at).order_by(audit_event.c.id.desc()).limit(1)
    return connection.execute(newest).scalar()
