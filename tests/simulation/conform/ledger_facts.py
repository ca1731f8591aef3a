"""The ledger's facts of meter events, as they come with each commit."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.simulation.judge.ledger_view import LedgerView

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_EVENTS = (
    "SELECT id, identifier, stripe_customer, timestamp, minutes, state, reason, tries, "
    "first_unknown_at, last_sent_at, rearmed_at FROM meter_event"
)
_ATTEMPTS = (
    "SELECT id, event_id, number, kind, idempotency_key, started_at, verdict "
    "FROM meter_attempt WHERE id > ?"
)
_READINGS = "SELECT id, event_id, read_at, minutes FROM meter_reading WHERE id > ?"


def exact(moment: datetime) -> int:
    """Return a moment in whole microseconds, as the model counts time here."""
    return (moment - BEGINNING) // timedelta(microseconds=1)


def _moment(text: str | None) -> int | None:
    return None if text is None else exact(datetime.fromisoformat(text))


class Row(NamedTuple):
    """A meter event's row."""

    id: int
    identifier: str
    stripe_customer: str
    timestamp: int
    minutes: int
    state: str
    reason: str | None
    tries: int
    first_unknown_at: int | None
    last_sent_at: int | None
    rearmed_at: int | None


class Attempted(NamedTuple):
    """An attempt's row."""

    id: int
    event_id: int
    number: int
    kind: str
    key: str
    started_at: int
    verdict: str | None


class Read(NamedTuple):
    """What was written down of an event's own minute."""

    event_id: int
    at: int
    minutes: int


@dataclass(slots=True)
class Facts:
    """What one commit brought of one event."""

    row: Row
    answered: list[Attempted] = field(default_factory=list)
    readings: list[Read] = field(default_factory=list)
    attempts: list[Attempted] = field(default_factory=list)


class LedgerFacts:
    """What was seen of the ledger so far; each look returns what is new."""

    def __init__(self, view: LedgerView) -> None:
        self._view = view
        self._rows: dict[int, Row] = {}
        self._unanswered: dict[int, Attempted] = {}
        self._newest_attempt = self._newest_reading = 0

    def look(self) -> list[Facts]:
        """Return what is new since the last look, event by event."""
        rows = {row.id: row for row in self._read_rows()}
        facts = {n: Facts(r) for n, r in rows.items() if r != self._rows.get(n)}

        def of(number: int) -> Facts:
            return facts.setdefault(number, Facts(rows[number]))

        for one in self._new_answers():
            of(one.event_id).answered.append(one)
        for one in self._new_attempts():
            of(one.event_id).attempts.append(one)
            if one.verdict is None:
                self._unanswered[one.id] = one
            else:
                of(one.event_id).answered.append(one)
        for reading in self._new_readings():
            of(reading.event_id).readings.append(reading)
        self._rows = rows
        return [facts[number] for number in sorted(facts)]

    def _read_rows(self) -> Iterable[Row]:
        for number, name, customer, at, *more, first, sent, rearmed in self._view.rows(
            _EVENTS
        ):
            times = _moment(first), _moment(sent), _moment(rearmed)
            minutes, state, reason, tries = more
            stamp = exact(datetime.fromisoformat(at))
            yield Row(
                id=number,
                identifier=name,
                stripe_customer=customer,
                timestamp=stamp,
                minutes=minutes,
                state=state,
                reason=reason,
                tries=tries,
                first_unknown_at=times[0],
                last_sent_at=times[1],
                rearmed_at=times[2],
            )

    def _new_answers(self) -> list[Attempted]:
        numbers = ", ".join(map(str, self._unanswered)) or "NULL"
        query = f"SELECT id, verdict FROM meter_attempt WHERE id IN ({numbers}) "
        found = []
        for number, verdict in self._view.rows(f"{query} AND verdict IS NOT NULL"):
            found.append(self._unanswered.pop(number)._replace(verdict=verdict))
        return found

    def _new_attempts(self) -> list[Attempted]:
        found = [
            _attempted(row) for row in self._view.rows(_ATTEMPTS, self._newest_attempt)
        ]
        self._newest_attempt = max(
            [one.id for one in found], default=self._newest_attempt
        )
        return found

    def _new_readings(self) -> list[Read]:
        found = []
        for number, event, at, minutes in self._view.rows(
            _READINGS, self._newest_reading
        ):
            self._newest_reading = max(self._newest_reading, number)
            found.append(Read(event, exact(datetime.fromisoformat(at)), minutes))
        return found


def _attempted(row: tuple[Any, ...]) -> Attempted:
    names = dict(zip(Attempted._fields, row, strict=True))
    started = exact(datetime.fromisoformat(names.pop("started_at")))
    return Attempted(started_at=started, **names)
