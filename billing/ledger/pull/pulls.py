"""Pulls: a certificate for each reading of the source, complete or not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from billing.domain.call import LOOK_BACK
from billing.domain.period import BillingPeriod, Window
from billing.ledger.audit import audit_log
from billing.ledger.schema.tables import pull, pull_scope

MONTH = "month"
RECENT = "recent"

_START = insert(pull).returning(pull.c.id)
_END = (
    update(pull)
    .where(pull.c.id == bindparam("number"))
    .returning(pull.c.account, pull.c.period, pull.c.window_start)
)
_OF_MONTH = (
    pull.c.account == bindparam("of_account"),
    pull.c.period == bindparam("of_period"),
)
_COMPLETE = (
    select(pull.c.started_at)
    .where(*_OF_MONTH, pull.c.state == "complete")
    .order_by(pull.c.id.desc())
    .limit(1)
)
_COMPLETE_OF_SCOPE = _COMPLETE.where(pull.c.scope == bindparam("of_scope"))


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Calls of another month than was asked for; those that are billed are recorded."""

    calls: int
    billed_here: bool
    first_at: datetime
    last_at: datetime


class LastSearch(NamedTuple):
    """When a month's total was last searched for to the end, and what was missing."""

    started_at: datetime
    missing_minutes: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one pull read, and where each call went: nothing vanishes."""

    pages: int = 0
    billed: int = 0
    not_billable: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    source_call_count: int | None = None
    source_minutes: int | None = None
    ledger_minutes: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)  # of their metadata
    passed_over: Mapping[str, PassedOver] = field(default_factory=dict)  # by month
    looked_back_to: datetime | None = None  # None: no further than its window
    overruled: tuple[str, ...] = ()  # of which a person had said what they come to

    @property
    def of_period(self) -> int:
        """How many of the calls that were understood are of the month asked for."""
        others = sum(passed.calls for passed in self.passed_over.values())
        return self.billed + sum(self.not_billable.values()) - others

    @property
    def fetched(self) -> int:
        """How many calls were read, each counted once."""
        return (
            self.billed
            + sum(self.not_billable.values())
            + sum(self.quarantined.values())
        )


@dataclass(frozen=True, slots=True)
class PullState:
    """How the newest pulls of an account's month stand."""

    account: str
    period: str
    state: str
    scope: str
    started_at: datetime
    finished_at: datetime | None
    error: str | None


def start_pull(
    connection: Connection,
    account: str,
    period: BillingPeriod,
    *,
    scope: str,
    window: Window,
    now: datetime,
) -> int:
    """Record that a pull began, and return its number."""
    row = {
        "account": account,
        "period": str(period),
        "scope": scope,
        "window_start": window.start,
        "window_end": window.end,
        "started_at": now,
        "state": "running",
    }
    audit_log.note(connection, "pull.started", account, {"period": str(period)})
    return int(connection.execute(_START, row).scalar_one())


def complete_pull(
    connection: Connection, number: int, certificate: Certificate, now: datetime
) -> None:
    """Sign a pull off with its certificate."""
    values = {
        "number": number,
        "state": "complete",
        "finished_at": now,
        "pages": certificate.pages,
        "fetched": certificate.fetched,
        "billed": certificate.billed,
        "not_billable": sum(certificate.not_billable.values()),
        "quarantined": sum(certificate.quarantined.values()),
        "reasons": json.dumps(
            {
                "not_billable": dict(certificate.not_billable),
                "quarantined": dict(certificate.quarantined),
            },
            sort_keys=True,
        ),
        "source_call_count": certificate.source_call_count,
        "source_minutes": certificate.source_minutes,
        "ledger_minutes": certificate.ledger_minutes,
    }
    ended = _end(connection, values)
    own = {ended.period: None} if certificate.looked_back_to else {}
    scopes = [
        {
            "pull_id": number,
            "period": ended.period,
            "month": month,
            "calls": passed.calls if passed else certificate.of_period,
            "billed_here": int(passed.billed_here if passed else True),
            "first_at": passed and passed.first_at,
            "last_at": passed and passed.last_at,
            "looked_back_to": certificate.looked_back_to or ended.window_start,
        }
        for month, passed in sorted({**own, **certificate.passed_over}.items())
    ]
    if scopes:
        connection.execute(insert(pull_scope), scopes)


def fail_pull(connection: Connection, number: int, error: str, now: datetime) -> None:
    """Record why a pull is incomplete."""
    # Escaped: a source may put into its words what no database takes.
    message = error.encode("ascii", "backslashreplace").decode().replace("\x00", "")
    values = {"state": "failed", "finished_at": now, "error": message[:500]}
    _end(connection, {"number": number, **values})


def _end(connection: Connection, values: Mapping[str, object]) -> Row[Any]:
    number, action = int(str(values["number"])), f"pull.{values['state']}"
    audit_log.touch(connection, pull, [number])
    ended = connection.execute(_END, values).one()
    audit_log.note(connection, action, str(ended.account), {"pull": number})
    return ended


def last_complete(
    connection: Connection, account: str, period: BillingPeriod, scope: str | None
) -> datetime | None:
    """Return when the newest complete pull of a month began; None without one."""
    values = {"of_account": account, "of_period": str(period)}
    if scope is None:
        return connection.execute(_COMPLETE, values).scalar()
    return connection.execute(_COMPLETE_OF_SCOPE, values | {"of_scope": scope}).scalar()


def state_of(
    connection: Connection, account: str, period: BillingPeriod
) -> PullState | None:
    """Return how the newest pull of an account's month ended; None before the first."""
    columns = (
        pull.c.account,
        pull.c.period,
        pull.c.state,
        pull.c.scope,
        pull.c.started_at,
        pull.c.finished_at,
        pull.c.error,
    )
    query = select(*columns).where(
        pull.c.account == account, pull.c.period == str(period)
    )
    row = connection.execute(query.order_by(pull.c.id.desc()).limit(1)).first()
    return None if row is None else PullState(**row._mapping)


def last_sweep_difference(
    connection: Connection, account: str, period: BillingPeriod
) -> int | None:
    """Return the source's total less the ledger's, as the last whole pull left it."""
    query = (
        select(pull.c.source_minutes - pull.c.ledger_minutes)
        .where(
            pull.c.account == account,
            pull.c.period == str(period),
            pull.c.state == "complete",
            pull.c.scope == MONTH,
        )
        .order_by(pull.c.id.desc())
        .limit(1)
    )
    difference = connection.execute(query).scalar()
    return None if difference is None else int(difference)


def looked_back_to(
    connection: Connection, account: str, period: BillingPeriod
) -> datetime | None:
    """Return how far back the last whole pull searched; None if it had no need to."""
    newest = (
        select(func.max(pull.c.id))
        .where(
            pull.c.account == account,
            pull.c.period == str(period),
            pull.c.state == "complete",
            pull.c.scope == MONTH,
        )
        .scalar_subquery()
    )
    query = select(pull_scope.c.looked_back_to).where(
        pull_scope.c.pull_id == newest, pull_scope.c.month == str(period)
    )
    return connection.execute(query).scalar()


def last_search(
    connection: Connection, account: str, period: BillingPeriod
) -> LastSearch | None:
    """Return the last search for a month's total that went back as far as any goes."""
    query = (
        select(
            pull.c.started_at,
            (pull.c.source_minutes - pull.c.ledger_minutes).label("missing_minutes"),
        )
        .join(pull_scope, pull_scope.c.pull_id == pull.c.id)
        .where(
            pull.c.account == account,
            pull.c.period == str(period),
            pull_scope.c.month == str(period),
            pull_scope.c.looked_back_to <= period.start - LOOK_BACK,
            pull.c.source_minutes.is_not(None),
        )
        .order_by(pull.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else LastSearch(**row._mapping)
