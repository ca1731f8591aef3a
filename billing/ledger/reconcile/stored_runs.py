"""Stored runs: the newest reconciliation of a month as it was written down."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from billing.domain.break_causes import Cause
from billing.domain.break_groups import known_amount
from billing.domain.period import BillingPeriod
from billing.ledger.reconcile.runs import oldest
from billing.ledger.schema.tables import (
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
    reconciliation_source,
)
from billing.ledger.stored_json import stored_names


class KeptReading(NamedTuple):
    """What Pamela, the ledger and Stripe said of a customer's month."""

    customer: str
    stripe_customer: str
    pamela_minutes: int
    ledger_minutes: int
    stripe_minutes: int
    unknown_minutes: int | None
    settled: bool
    invoiced_minutes: int | None
    invoice: str | None


class KeptSource(NamedTuple):
    """What an account's source said, and as of when it was read."""

    account: str
    calls_minutes: int
    calls_read_at: datetime | None
    usage_minutes: int | None
    usage_read_at: datetime | None


class KeptBreak(NamedTuple):
    """A break as the run found it, and its case; None where it is nobody's."""

    customer: str | None
    account: str | None
    cause: Cause
    hour: datetime | None
    event: str | None
    calls: tuple[str, ...]
    minutes: int
    amount_micro: int
    evidence: str | None
    case: int | None

    @property
    def known_amount_micro(self) -> int | None:
        """The amount; None when nobody can price the minutes."""
        return known_amount(self.cause, self.minutes, self.amount_micro)


class KeptRun(NamedTuple):
    """A reconciliation of a month."""

    number: int
    started_at: datetime
    finished_at: datetime
    settled: bool
    complete: bool
    invoices_read: bool
    readings: tuple[KeptReading, ...]
    sources: tuple[KeptSource, ...]  # none in runs of earlier versions
    breaks: tuple[KeptBreak, ...]

    @property
    def calls_read_at(self) -> datetime | None:
        """As of when every account's calls were read whole; None where nobody knows."""
        return oldest(source.calls_read_at for source in self.sources)


def newest_run(connection: Connection, period: BillingPeriod) -> KeptRun | None:
    """Return the newest reconciliation of a month; None before the first."""
    run = reconciliation_run.c
    query = select(reconciliation_run).where(run.period == str(period))
    row = connection.execute(query.order_by(run.id.desc()).limit(1)).first()
    if row is None:
        return None
    return KeptRun(
        number=row.id,
        started_at=row.started_at,
        finished_at=row.finished_at,
        settled=bool(row.settled),
        complete=bool(row.complete),
        invoices_read=bool(row.invoices),
        readings=_readings(connection, row.id),
        sources=_sources(connection, row.id),
        breaks=_breaks(connection, row.id),
    )


def _readings(connection: Connection, run: int) -> tuple[KeptReading, ...]:
    reading = reconciliation_reading.c
    columns = [reading[name] for name in KeptReading._fields]
    query = select(*columns).where(reading.run_id == run).order_by(reading.id)
    return tuple(
        KeptReading(**row._mapping)._replace(settled=bool(row.settled))
        for row in connection.execute(query)
    )


def _sources(connection: Connection, run: int) -> tuple[KeptSource, ...]:
    source = reconciliation_source.c
    columns = [source[name] for name in KeptSource._fields]
    query = select(*columns).where(source.run_id == run).order_by(source.id)
    return tuple(KeptSource(**row._mapping) for row in connection.execute(query))


def _breaks(connection: Connection, run: int) -> tuple[KeptBreak, ...]:
    break_ = reconciliation_break.c
    query = select(reconciliation_break).where(break_.run_id == run).order_by(break_.id)
    return tuple(
        KeptBreak(
            customer=row.customer,
            account=row.account,
            cause=Cause(row.cause),
            hour=row.hour,
            event=row.event,
            calls=stored_names(row.calls),
            minutes=row.minutes,
            amount_micro=row.amount_micro,
            evidence=row.evidence,
            case=row.case_id,
        )
        for row in connection.execute(query)
    )
