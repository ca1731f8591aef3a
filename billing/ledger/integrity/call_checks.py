"""Calls checked in the ledger: each that may violate an invariant is judged."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from billing.domain.call import Call, NotBillable
from billing.domain.call_invariants import (
    CallHistory,
    RatedRevision,
    UsageRow,
    judge_call,
)
from billing.domain.invariants import Invariant, Violation
from billing.domain.period import BillingPeriod
from billing.domain.posting import UsageType
from billing.domain.rating import Price, PriceList
from billing.ledger import registry
from billing.ledger.integrity.scope import CallKey, Scope, chunks
from billing.ledger.schema.tables import b2b_usage, call, period_close, price
from billing.ledger.schema.time_sql import hour_in_sql, month_in_sql

usage = b2b_usage.c


def violations(scope: Scope) -> Iterator[Violation]:
    """Judge the calls that are new; of a whole ledger, all that are not alike."""
    connection = scope.connection
    price_list = registry.known_prices(connection)
    try:
        prices = PriceList(price_list)
    except ValueError as fault:
        yield Violation(Invariant.CONSERVATION, str(fault))
        return
    closed = {
        BillingPeriod.parse(period)
        for period in connection.scalars(select(period_close.c.period))
    }
    keys = _suspects(connection, price_list) if scope.calls is None else scope.calls
    for history in histories(connection, keys):
        yield from judge_call(history, prices, closed)


def histories(connection: Connection, keys: Iterable[CallKey]) -> Iterator[CallHistory]:
    """Return all that the ledger holds of some calls."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for account, call_id in keys:
        by_account[account].append(call_id)
    for account, names in sorted(by_account.items()):
        for part in chunks(names):
            revisions = _revisions(connection, account, part)
            rows = _rows(connection, account, part)
            for name in part:
                yield CallHistory(account, name, revisions[name], rows[name])


def _revisions(
    connection: Connection, account: str, names: Sequence[str]
) -> dict[str, list[RatedRevision]]:
    revisions: dict[str, list[RatedRevision]] = defaultdict(list)
    query = select(call).where(call.c.account == account, call.c.call_id.in_(names))
    for row in connection.execute(query.order_by(call.c.revision, call.c.id)):
        revisions[row.call_id].append(_revision(row))
    return revisions


def _revision(row: Row[Any]) -> RatedRevision:
    extract = Call(
        account=row.account,
        call_id=row.call_id,
        status=row.status,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_seconds=row.duration_seconds,
        source_minutes=row.source_minutes,
        customer_key=None,
    )
    return RatedRevision(
        number=row.revision,
        call=extract,
        customer=row.customer,
        extract_sha256=row.extract_sha256,
        before_first_period=row.not_billable == NotBillable.BEFORE_FIRST_PERIOD,
    )


def _rows(
    connection: Connection, account: str, names: Sequence[str]
) -> dict[str, list[UsageRow]]:
    rows: dict[str, list[UsageRow]] = defaultdict(list)
    query = (
        select(b2b_usage, price.c.effective_from.label("priced_from"))
        .select_from(b2b_usage.outerjoin(price))
        .where(usage.account == account, usage.call_id.in_(names))
        .order_by(usage.id)
    )
    for row in connection.execute(query):
        rows[row.call_id].append(_usage_row(row))
    return rows


def _usage_row(row: Row[Any]) -> UsageRow:
    return UsageRow(
        id=row.id,
        type=UsageType(row.type),
        customer=row.customer,
        revision=row.call_revision,
        period=row.period,
        hour=row.hour,
        call_hour=row.call_hour,
        minutes=row.billed_minutes,
        amount_micro=row.amount_micro,
        currency=row.currency,
        priced_from=row.priced_from,
        corrects=row.corrects,
    )


def _suspects(connection: Connection, prices: list[Price]) -> set[CallKey]:
    """Return every call that was corrected or carried, and one of each other shape.

    Calls of one shape differ only in what no invariant depends on, so that one of them
    is judged for all: that is what makes a ledger of millions quick to check.
    """
    keys = usage.account, usage.call_id
    revised = select(call.c.account, call.c.call_id).where(call.c.revision > 1)
    carried = select(*keys).where(usage.call_hour != usage.hour)
    without = select(*keys).where(
        ~select(call.c.id)
        .where(call.c.account == usage.account, call.c.call_id == usage.call_id)
        .exists()
    )
    suspects = {
        CallKey(**row._mapping)
        for query in (revised, carried, without)
        for row in connection.execute(query)
    }
    examples = list(connection.scalars(_shapes(connection, prices)))
    for part in chunks(examples):
        names = select(call.c.account, call.c.call_id).where(call.c.id.in_(part))
        suspects |= {CallKey(**row._mapping) for row in connection.execute(names)}
    return suspects


def _shapes(connection: Connection, prices: list[Price]) -> Any:
    started_at = call.c.started_at
    later = call.alias("later")
    revised = select(later.c.id).where(
        later.c.account == call.c.account,
        later.c.call_id == call.c.call_id,
        later.c.revision > 1,
    )
    same = (usage.account == call.c.account) & (usage.call_id == call.c.call_id)
    shape = (
        call.c.status,
        call.c.duration_seconds,
        started_at.is_(None),
        call.c.customer.is_(None),
        call.c.not_billable == NotBillable.BEFORE_FIRST_PERIOD.value,
        _priced(started_at, prices),
        usage.type,
        usage.call_revision,
        usage.billed_minutes,
        usage.amount_micro,
        usage.currency,
        usage.price_id,
        usage.corrects.is_(None),
        usage.customer == call.c.customer,
        usage.call_hour == hour_in_sql(connection, started_at),
        usage.hour == hour_in_sql(connection, usage.hour),
        usage.hour == usage.call_hour,
        usage.period == month_in_sql(connection, usage.hour),
    )
    return (
        select(func.min(call.c.id))
        .select_from(call.outerjoin(b2b_usage, same))
        .where(call.c.revision == 1, ~revised.exists())
        .group_by(*shape)
    )


def _priced(moment: ColumnElement[Any], prices: list[Price]) -> ColumnElement[Any]:
    """Return the place in the list of the price that holds at a moment."""
    dates = sorted((price.effective_from for price in prices), reverse=True)
    places = [(moment >= date, place) for place, date in enumerate(dates)]
    return case(*places, else_=-1) if places else moment.is_(None)
