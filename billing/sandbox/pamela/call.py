"""A call as the sandbox plays it: what the API shows of it, and from when on."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

Document = dict[str, object]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000  # microseconds
LONGEST_SECONDS = 1 << 53  # beyond it a duration is no number a JSON reader keeps
RINGS_AFTER = 2_000_000  # microseconds from creation until the phone rings
STATUSES = ("queued", "ringing", "in_progress", "completed", "failed", "cancelled")
TERMINAL = frozenset({"completed", "failed", "cancelled"})
# What is not known of a call before it has ended.
UNKNOWN_UNTIL_ENDED: Document = dict.fromkeys(
    ("duration_seconds", "billed_minutes", "transcript", "summary", "ended_at")
)
BLANK: Document = dict.fromkeys(
    (
        "id",
        "status",
        "call_session_id",
        "conversation_id",
        "duration_seconds",
        "billed_minutes",
        "transcript",
        "summary",
        "created_at",
        "started_at",
        "ended_at",
        "metadata",
        "message",
    )
) | {"metadata": {}, "success": True}


def write_json(document: Document) -> bytes:
    """Write a document, broken values and all: big integers, lone surrogates."""
    return json.dumps(document, separators=(",", ":")).encode()


def read_json(body: bytes) -> Document:
    """Read what `write_json` or orjson wrote."""
    try:
        document: Document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = json.loads(body)
    return document


def micros(moment: datetime) -> int:
    """Return a moment as microseconds since 1970; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND


def moment_of(micros_since_1970: int) -> datetime:
    """Return the aware UTC moment of these microseconds."""
    return EPOCH + timedelta(microseconds=micros_since_1970)


def written(moment: datetime) -> str:
    """Write a moment as the API does: ISO 8601 in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"


def month_of(moment: datetime) -> str:
    """Return the calendar month of an aware UTC moment as YYYY-MM."""
    return f"{moment.year:04}-{moment.month:02}"


def read_moment(value: object) -> datetime | None:
    """Read an ISO 8601 text, a naive one as UTC; None when it is no such thing."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def billed_minutes(duration_seconds: int) -> int:
    """Bill every started minute, and at least one."""
    return max(-(-duration_seconds // 60), 1)


class FilteredBy(StrEnum):
    """Which of a call's times `start_date` and `end_date` mean: nobody says."""

    CREATED_AT = "created_at"
    STARTED_AT = "started_at"


class CallUsage(NamedTuple):
    """What one call adds to its account's monthly usage."""

    created_in: str  # YYYY-MM
    billed_in: str | None  # YYYY-MM of the start; None when not connected or not over
    seconds: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call: visible from `opens` on; after each stage's moment it shows its body.

    All times are microseconds since 1970. Before the first stage the call is under
    way, and what it shows follows from the times in the first stage's body.
    """

    id: str
    created: int
    opens: int
    stages: tuple[tuple[int, bytes], ...]

    def listed_at(self, body: bytes, filtered_by: FilteredBy) -> int:
        """Return the time that a list filters it by; what has not begun was made."""
        if filtered_by is FilteredBy.STARTED_AT:
            started = read_moment(read_json(body).get("started_at"))
            return self.created if started is None else micros(started)
        return self.created

    def body_at(self, now: int) -> bytes | None:
        """Return the JSON that the API shows at a moment; None while there is none."""
        if now < self.opens:
            return None
        if now >= self.stages[-1][0]:
            return self.stages[-1][1]
        due = [body for at, body in self.stages if at <= now]
        return due[-1] if due else self._under_way(now)

    def settled(self, now: int) -> bool:
        """Say whether nothing will change any more."""
        return now >= self.stages[-1][0] and now >= self.opens

    def next_change(self, now: int) -> int | None:
        """Return the next moment at which this call looks different, if any."""
        moments = [self.opens, *(at for at, _ in self.stages)]
        if now < self.stages[0][0]:
            moments += [self.created + RINGS_AFTER, self._started() or 0]
        return min((moment for moment in moments if moment > now), default=None)

    def final(self) -> Document:
        """Return the call as it will look when all has happened."""
        return read_json(self.stages[-1][1])

    def to_state(self) -> list[object]:
        """Return the call as plain JSON values."""
        stages = [[at, body.decode()] for at, body in self.stages]
        return [self.id, self.created, self.opens, stages]

    @classmethod
    def from_state(cls, saved: list[Any]) -> "Call":
        """Return the call that `to_state` wrote down."""
        call_id, created, opens, stages = saved
        revisions = tuple((at, body.encode()) for at, body in stages)
        return cls(call_id, created, opens, revisions)

    def _started(self) -> int | None:
        started = read_moment(read_json(self.stages[0][1]).get("started_at"))
        return None if started is None else micros(started)

    def _under_way(self, now: int) -> bytes:
        document = read_json(self.stages[0][1])
        document |= UNKNOWN_UNTIL_ENDED
        started = self._started()
        if started is not None and started <= now:
            document["status"] = "in_progress"
        else:
            rings = now >= self.created + RINGS_AFTER
            document["status"] = "ringing" if rings else "queued"
            document["started_at"] = None
        return write_json(document)


def call_that_ends(
    document: Document,
    *,
    opens: datetime | None = None,
    revisions: Iterable[tuple[datetime, Document]] = (),
) -> Call:
    """Make a call that runs from its `created_at` to its `ended_at`, then is revised.

    `opens` makes it late: unseen until then. A revision names changed fields only.
    """
    created = micros(_required(document, "created_at"))
    ended = micros(_required(document, "ended_at"))
    visible = created if opens is None else max(created, micros(opens))
    return Call(
        id=str(document["id"]),
        created=created,
        opens=visible,
        stages=_stages(ended, document, revisions),
    )


def call_as_given(
    call_id: str,
    document: Document,
    *,
    created: datetime,
    opens: datetime,
    revisions: Iterable[tuple[datetime, Document]] = (),
) -> Call:
    """Make a call that shows exactly this document, however broken, from `opens` on."""
    stages = _stages(micros(opens), document, revisions)
    return Call(call_id, micros(created), micros(opens), stages)


def read_usage(call: Call, body: bytes) -> tuple[str | None, CallUsage]:
    """Return the status and the monthly usage of a call that shows this body."""
    document = read_json(body)
    status = document.get("status")
    created_in = _month_of_day(call.created // DAY)
    seconds = document.get("duration_seconds")
    known_status = status if isinstance(status, str) else None
    started = read_moment(document.get("started_at"))
    # A bool is an int to Python, but not a duration.
    if type(seconds) is not int or not 0 <= seconds <= LONGEST_SECONDS:
        return known_status, CallUsage(created_in, None, 0)
    if known_status not in TERMINAL or started is None:
        return known_status, CallUsage(created_in, None, 0)
    return known_status, CallUsage(created_in, month_of(started), seconds)


@lru_cache(maxsize=4096)
def _month_of_day(day: int) -> str:
    return month_of(moment_of(day * DAY))


def _required(document: Document, field: str) -> datetime:
    moment = read_moment(document.get(field))
    if moment is None:
        raise ValueError(f"a call needs {field}, got {document.get(field)!r}")
    return moment


def _stages(
    first: int, document: Document, revisions: Iterable[tuple[datetime, Document]]
) -> tuple[tuple[int, bytes], ...]:
    stages = [(first, write_json(document))]
    for at, changes in sorted(revisions, key=lambda revision: revision[0]):
        document = document | changes
        stages.append((max(micros(at), first), write_json(document)))
    return tuple(stages)
