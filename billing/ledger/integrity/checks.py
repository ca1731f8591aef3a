"""Integrity checks: each is stored, with how far it saw and what it found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select

from billing.domain.invariants import Invariant
from billing.ledger.integrity.scope import Marks
from billing.ledger.schema.tables import law_check, law_check_end
from billing.ledger.stored_json import stored_object

# All rows are checked once a day, and each hour only what is new.
WHOLE_EVERY = timedelta(hours=24)
# A row's number may be given out before that of a row that is committed earlier; no
# transaction of ours takes so long.
SETTLING = timedelta(minutes=10)

_CLEAN = "{}"
_column = law_check.c
_NEWEST = select(law_check).order_by(_column.id.desc()).limit(1)
_NEWEST_WHOLE = _NEWEST.where(_column.whole == 1)
_SETTLED = (
    select(law_check, law_check_end.c.event)
    .join(law_check_end, law_check_end.c.check_id == _column.id)
    .where(_column.faults == _CLEAN, _column.at <= bindparam("by"))
    .order_by(_column.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """What one check found; an invariant without words holds."""

    at: datetime
    whole: bool
    faults: Mapping[Invariant, Sequence[str]]

    @property
    def broken(self) -> dict[str, Sequence[str]]:
        """The invariants that are violated, and where."""
        return {
            invariant.value: words for invariant, words in self.faults.items() if words
        }


@dataclass(frozen=True, slots=True)
class IntegrityStatus:
    """When the invariants were last checked, and what was found."""

    at: datetime
    whole_at: datetime | None
    broken: Mapping[str, Sequence[str]]


def marks_to_start_from(connection: Connection, now: datetime) -> Marks | None:
    """Return from where a check may start; None when all rows have to be checked."""
    newest = connection.execute(_NEWEST).first()
    whole = connection.execute(_NEWEST_WHOLE).first()
    if newest is None or newest.faults != _CLEAN or whole is None:
        return None
    if not timedelta() <= now - whole.at < WHOLE_EVERY:
        return None
    start = connection.execute(_SETTLED, {"by": newest.at - SETTLING}).first()
    if start is None:
        return None
    return Marks(
        call=start.last_call,
        usage=start.last_usage,
        event=start.last_event,
        attempt=start.last_attempt,
        pull=start.last_pull,
        trail=start.event,
    )


def save(connection: Connection, report: IntegrityReport, ends: Marks) -> None:
    """Store what a check found, and how far it saw."""
    number = connection.execute(
        insert(law_check)
        .values(
            at=report.at,
            whole=int(report.whole),
            last_call=ends.call,
            last_usage=ends.usage,
            last_event=ends.event,
            last_attempt=ends.attempt,
            last_pull=ends.pull,
            faults=json.dumps(report.broken),
        )
        .returning(_column.id)
    ).scalar_one()
    end = insert(law_check_end).values(check_id=number, event=ends.trail)
    connection.execute(end)


def integrity_status(connection: Connection) -> IntegrityStatus | None:
    """Return when the invariants were last checked; None before the first time."""
    newest = connection.execute(_NEWEST).first()
    if newest is None:
        return None
    whole = connection.execute(_NEWEST_WHOLE).first()
    return IntegrityStatus(
        newest.at, whole.at if whole else None, stored_object(newest.faults)
    )
