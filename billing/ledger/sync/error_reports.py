"""Error reports: Stripe's reports of errors, and the events that they may be about."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from billing.domain.break_causes import Cause
from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import RESEND_WINDOW, SendVerdict
from billing.domain.period import Window
from billing.ledger.audit import audit_log
from billing.ledger.schema.tables import (
    error_report,
    meter_attempt,
    meter_event,
    meter_reading,
    reconciliation_break,
    reconciliation_run,
)
from billing.ledger.stored_json import stored_names

# An event may be validated some time after it was received.
VALIDATED_WITHIN = timedelta(hours=1)
SLACK = timedelta(minutes=5)

event, attempt, report = meter_event.c, meter_attempt.c, error_report.c

_NEWEST = select(func.max(report.created_at))
_OPEN = select(error_report).where(report.settled_at.is_(None)).order_by(report.id)


class Suspect(NamedTuple):
    """An event that a report may be about, and whether it says so of its last send."""

    event_id: int
    customer: str
    named: bool


def newest_report_at(connection: Connection) -> datetime | None:
    """Return when the newest report that is known was made."""
    newest: datetime | None = connection.execute(_NEWEST).scalar()
    return newest


def save_reports(
    connection: Connection, reports: Iterable[RejectionReport], now: datetime
) -> int:
    """Keep the reports that are new; returns how many."""
    stored_names = set(connection.scalars(select(report.name)))
    rows = [
        {
            "name": item.name,
            "created_at": item.created_at,
            "window_start": item.window.start,
            "window_end": item.window.end,
            "error_count": item.error_count,
            "codes": json.dumps(sorted(item.codes)),
            "identifiers": json.dumps(sorted(item.identifiers)),
            "read_at": now,
        }
        for item in {item.name: item for item in reports}.values()
        if item.name not in stored_names
    ]
    if rows:
        connection.execute(insert(error_report), rows)
        detail = {"reports": [row["name"] for row in rows]}
        audit_log.note(connection, "reports.kept", "Stripe", detail)
    return len(rows)


def open_reports(connection: Connection) -> list[RejectionReport]:
    """Return the reports that are not explained yet, oldest first."""
    return [
        RejectionReport(
            name=row.name,
            created_at=row.created_at,
            window=Window(row.window_start, row.window_end),
            error_count=row.error_count,
            codes=stored_names(row.codes),
            identifiers=stored_names(row.identifiers),
        )
        for row in connection.execute(_OPEN)
    ]


def suspects(connection: Connection, rejection: RejectionReport) -> list[Suspect]:
    """Return the synced events that a report may be about and nothing clears.

    A report names only a sample, so all that was sent in its window is suspect, until
    its own minute was seen to hold it.
    """
    counts = (event.state == "synced") & (event.minutes != 0) & _was_sent()
    is_named = _named(rejection) & ~_may_count_since(rejection)
    query = (
        select(event.id, event.customer, is_named)
        .where(counts, _may_be_about(rejection), ~_is_cleared(rejection))
        .order_by(event.id)
    )
    return [
        Suspect(number, customer, bool(named))
        for number, customer, named in connection.execute(query)
    ]


def awaits_answers(connection: Connection, rejection: RejectionReport) -> bool:
    """Say whether a report may be about an event of which nothing is known yet."""
    unknown = event.first_unknown_at.is_not(None) & (event.state != "synced")
    undecided = event.reason.is_(None) | event.reason.in_(["unanswered", "uncertain"])
    query = select(event.id).where(unknown, undecided, _may_be_about(rejection))
    return connection.execute(query.limit(1)).first() is not None


def missing_events(
    connection: Connection, customer: str | None = None
) -> list[Suspect]:
    """Return the synced events of hours that Stripe's summary was found short of.

    These are of the newest reconciliation of each month, and no report names them.
    """
    query = _missing(of_all=customer is None)
    rows = connection.execute(query, {"whose": customer} if customer else {})
    return [Suspect(number, name, named=False) for number, name in rows]


@cache
def _missing(*, of_all: bool) -> Select[Any]:
    run, break_ = reconciliation_run.c, reconciliation_break.c
    newest = select(func.max(run.id)).group_by(run.period)
    short = (break_.cause == Cause.NOT_COUNTED.value) & break_.run_id.in_(newest)
    query = (
        select(event.id, event.customer)
        .select_from(reconciliation_break)
        .join(
            meter_event,
            (event.customer == break_.customer) & (event.hour == break_.hour),
        )
        .where(short, event.state == "synced", event.minutes != 0, _was_sent())
        .distinct()
        .order_by(event.id)
    )
    return query if of_all else query.where(event.customer == bindparam("whose"))


def named_and_rejected(connection: Connection, rejection: RejectionReport) -> int:
    """Count the events that a report names and that are known as rejected."""
    is_rejected = event.reason.in_(["rejected", "replaced", "voided"])
    query = select(func.count()).select_from(meter_event)
    return int(
        connection.execute(query.where(_named(rejection), is_rejected)).scalar_one()
    )


def settle_report(connection: Connection, name: str, now: datetime) -> None:
    """Note that every event a report may be about is decided, unless another did."""
    is_open = (report.name == name) & report.settled_at.is_(None)
    numbers = connection.scalars(select(report.id).where(is_open)).all()
    if not numbers:
        return
    audit_log.touch(connection, error_report, numbers)
    connection.execute(update(error_report).where(is_open).values(settled_at=now))
    audit_log.note(connection, "report.settled", name)


def _was_sent() -> ColumnElement[bool]:
    """Say of an event that it is ours: an opening stands for what another sent."""
    return event.last_sent_at.is_not(None)


def _may_be_about(rejection: RejectionReport) -> ColumnElement[bool]:
    # A machine may have slept between writing an attempt down and sending it.
    left_by = func.coalesce(attempt.answered_at, attempt.started_at)
    sent = (left_by >= rejection.window.start - VALIDATED_WITHIN) & (
        attempt.started_at <= rejection.window.end + SLACK
    )
    tried = select(attempt.event_id).where(attempt.kind == "event", sent)
    return or_(event.id.in_(tried), _named(rejection))


def _named(rejection: RejectionReport) -> ColumnElement[bool]:
    names: Sequence[str] = rejection.identifiers
    by_key = select(attempt.event_id).where(attempt.idempotency_key.in_(names))
    return event.identifier.in_(names) | event.id.in_(by_key)


def _may_count_since(rejection: RejectionReport) -> ColumnElement[bool]:
    """Say whether an event left again, and a report of it is of an earlier time.

    While Stripe knows the identifier of what it is about, nothing else is taken by it.
    """
    known_until = rejection.window.start - VALIDATED_WITHIN + RESEND_WINDOW
    over = min(rejection.window.end + SLACK, known_until)
    taken = attempt.verdict.in_([SendVerdict.COUNTED.value, SendVerdict.UNKNOWN.value])
    since = select(attempt.id).where(
        attempt.event_id == event.id,
        attempt.kind == "event",
        attempt.started_at > over,
        or_(attempt.verdict.is_(None), taken),
    )
    return since.exists()


def _is_cleared(rejection: RejectionReport) -> ColumnElement[bool]:
    reading = meter_reading.c
    seen = select(reading.id).where(
        reading.event_id == event.id,
        reading.minutes == event.minutes,
        reading.read_at >= rejection.window.end,
    )
    return seen.exists()
