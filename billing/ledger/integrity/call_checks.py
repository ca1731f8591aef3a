"""The laws of calls, asked of the ledger: each call that may break one is judged."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from billing.domain.call import Call
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


def broken(scope: Scope) -> Iterator[Violation]:
    """Judge the calls that are new; of a whole ledger, all that are not alike."""
    connection = scope.connection
    listed = registry.known_prices(connection)
    try:
        prices = PriceList(listed)
    except ValueError as fault:
        yield Violation(Invariant.CONSERVATION, str(fault))
        return
    closed = {
        BillingPeriod.parse(period)
        for period in connection.scalars(select(period_close.c.period))
    }
    keys = _suspects(connection, listed) if scope.calls is None else scope.calls
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
    found: dict[str, list[RatedRevision]] = defaultdict(list)
    query = select(call).where(call.c.account == account, call.c.call_id.in_(names))
    for row in connection.execute(query.order_by(call.c.revision, call.c.id)):
        found[row.call_id].append(_revision(row))
    return found


def _revision(row: Row[Any]) -> RatedRevision:
    extract = Call(
        row.account,
        row.call_id,
        row.status,
        row.created_at,
        row.started_at,
        row.ended_at,
        row.duration_seconds,
        row.source_minutes,
        None,
    )
    return RatedRevision(row.revision, extract, row.customer, row.extract_sha256)


def _rows(
    connection: Connection, account: str, names: Sequence[str]
) -> dict[str, list[UsageRow]]:
    found: dict[str, list[UsageRow]] = defaultdict(list)
    columns = (
        usage.call_id,
        usage.id,
        usage.type,
        usage.customer,
        usage.call_revision,
        usage.period,
        usage.hour,
        usage.call_hour,
        usage.billed_minutes,
        usage.amount_micro,
        usage.currency,
        price.c.effective_from,
        usage.corrects,
    )
    query = (
        select(*columns)
        .select_from(b2b_usage.outerjoin(price))
        .where(usage.account == account, usage.call_id.in_(names))
        .order_by(usage.id)
    )
    for name, number, kind, *rest in connection.execute(query):
        found[name].append(UsageRow(number, UsageType(kind), *rest))
    return found


def _suspects(connection: Connection, prices: list[Price]) -> set[CallKey]:
    """Return every call that was corrected or carried, and one of each other shape.

    Calls of one shape differ only in what no law depends on, so that one of them is
    judged for all: that is what makes a ledger of millions quick to check.
    """
    keys = usage.account, usage.call_id
    revised = select(call.c.account, call.c.call_id).where(call.c.revision > 1)
    carried = select(*keys).where(usage.call_hour != usage.hour)
    without = select(*keys).where(
        ~select(call.c.id)
        .where(call.c.account == usage.account, call.c.call_id == usage.call_id)
        .exists()
    )
    found = {
        CallKey(*row)
        for query in (revised, carried, without)
        for row in connection.execute(query)
    }
    examples = list(connection.scalars(_shapes(connection, prices)))
    for part in chunks(examples):
        names = select(call.c.account, call.c.call_id).where(call.c.id.in_(part))
        found |= {CallKey(*row) for row in connection.execute(names)}
    return found


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
    dates = sorted((one.effective_from for one in prices), reverse=True)
    places = [(moment >= date, place) for place, date in enumerate(dates)]
    return case(*places, else_=-1) if places else moment.is_(None)
