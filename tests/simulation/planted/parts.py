"""The longer parts of planted bugs: plausible, and wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from billing.domain import posting
from billing.domain.meter_event import SendVerdict
from billing.gateways import retries
from billing.ledger.audit import audit_log
from billing.ledger.schema.tables import b2b_usage, meter_attempt, meter_event
from billing.ledger.sync import attempts
from billing.ledger.sync.outbox import OpenEvent
from pamela import CallListResponse, CallStatusResponse, PageWalk

__all__ = ["posting", "retries"]
Part = Callable[..., Any]


def rename_retries(real: Part) -> Part:
    """Give each retry a sequence, and so an identifier, of its own."""

    def attempt(sender: Any, before: Any, pending: Any) -> Any:
        if before.attempts:
            sequence = min(before.event.sequence + before.attempts, 59)
            other = replace(before.event, sequence=sequence)
            before = replace(before, event=other)
        return real(sender, before, pending)

    return attempt


def forget_the_unknown(real: Part) -> Part:
    """Take a refusal as if nothing had been sent before."""

    def changes(event: Any, answer: Any) -> Any:
        if answer.verdict is SendVerdict.REFUSED:
            event = replace(event, first_unknown_at=None)
        return real(event, answer)

    return changes


_WAITING: dict[str, Any] = {}


def write_later(real: Part) -> Part:
    """Only remember the attempts, until `write_both`."""

    def record(connection: Connection, made: Any) -> None:
        _WAITING.update(real=real, made=made)

    return record


def write_both(real: Part) -> Part:
    """Write the attempts down with their answers."""

    def record(connection: Connection, answers: Any) -> None:
        _WAITING["real"](connection, _WAITING["made"])
        real(connection, answers)

    return record


def forget_tries(real: Part) -> Part:
    """Write down each try as the first one."""

    def record(connection: Connection, made: Any) -> None:
        first = [replace(one, event=replace(one.event, tries=0)) for one in made]
        real(connection, first)

    return record


def wait_not_at_all(_real: Part) -> Part:
    """Retry at once."""
    return lambda _retry: timedelta()


class _Anyway:
    def still_held(self) -> bool:
        return True


@contextmanager
def hold_anyway(_ledger: object, _subject: str) -> Iterator[_Anyway]:
    """Hold a subject that others may hold too."""
    yield _Anyway()


def claim_anyway(connection: Connection, made: Any) -> None:
    """Write attempts down without a look at what others did meanwhile."""
    attempt = meter_attempt.c
    for one in made:
        number = one.event.id
        count = select(func.count()).where(attempt.event_id == number)
        before = connection.execute(count).scalar_one()
        event = replace(one.event, attempts=before)
        values = {"last_sent_at": one.started_at, "tries": event.tries + 1}
        values["first_unknown_at"] = event.first_unknown_at or one.started_at
        audit_log.touch(connection, meter_event, [number])
        change = update(meter_event).where(meter_event.c.id == number)
        connection.execute(change.values(values))
        attempts.add_attempts(connection, [replace(one, event=event)])


def arm_refused(
    connection: Connection,
    _actor: object,
    customer: str,
    *_which: object,
    **_why: object,
) -> int:
    """Let refused events be sent again as they are."""
    event = meter_event.c
    refused = (event.customer == customer) & (event.reason == "rejected")
    numbers = connection.scalars(select(event.id).where(refused)).all()
    audit_log.touch(connection, meter_event, numbers)
    values = {"state": "pending", "reason": None, "tries": 0, "first_unknown_at": None}
    return connection.execute(
        update(meter_event).where(refused).values(values)
    ).rowcount


class HeedlessWalk(PageWalk):
    """Goes on where the last page ended, whatever has moved since."""

    def plan(self) -> list[int]:
        """Return the offset after the last page."""
        return [self._end] if super().plan() else []

    def take(self, page: CallListResponse) -> list[CallStatusResponse]:
        """Take any page as one that joins the ones before."""
        self._seen.clear()
        return super().take(page)


def record_own_month(real: Part) -> Part:
    """Record of a day only the calls of the month that was asked for."""

    def record(self: Any, day: Any) -> Any:
        own = [item for item in day.readings if item.period == self.period]
        return real(self, replace(day, readings=own))

    return record


def store_one_behind(real: Part) -> Part:
    """Store a day only when the next one is read."""
    kept: dict[int, Any] = {}

    def record(pull: Any, day: Any) -> Any:
        if not day.readings and not day.set_aside:
            return ()
        before = kept.get(pull.number)
        kept[pull.number] = day
        return () if before is None else real(pull, before)

    return record


def bill_twice(real: Part) -> Part:
    """Look only at what was posted where the call is now."""

    def plan(due: Any, posted: Any) -> Any:
        if due:
            posted = {slot: one for slot, one in posted.items() if slot == due[0]}
        return real(due, posted)

    return plan


def drop_late_rows(real: Part) -> Part:
    """Leave out what would be posted in another month than its own."""

    def load(connection: Connection, table: Any, columns: Any, rows: Any) -> None:
        if table is b2b_usage:
            hour, call_hour = columns.index("hour"), columns.index("call_hour")
            rows = [row for row in rows if row[hour] == row[call_hour]]
        real(connection, table, columns, rows)

    return load


def heed_decisions_for_ever(real: Callable[..., Any]) -> Callable[..., Any]:
    """Take whatever is read of a call that a person decided for what was decided."""

    def known(connection: Any, batch: Any) -> Any:
        read = {each.call.call_id: each.extract_sha256 for each in batch}
        return {
            name: replace(one, digest=read[name]) if one.decided else one
            for name, one in real(connection, batch).items()
        }

    return known


def free_rows(connection: Connection, kept: OpenEvent) -> None:
    """Take the rows from an event, and leave the event as it is."""
    audit_log.touch_binding(connection, [kept.id])
    bound = b2b_usage.c.meter_event_id == kept.id
    connection.execute(update(b2b_usage).where(bound).values(meter_event_id=None))
