"""Soundness: what must hold between the ledger's tables, asked of all its rows."""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, case, func, or_, select, text

from billing.domain.rating import SECONDS_PER_MINUTE, Price, amount_micro
from billing.ledger.tables import b2b_usage, call, meter_event, price

event, usage = meter_event.c, b2b_usage.c
_EXAMPLES = 5

Examine = Callable[[Connection], Iterator[str]]


def find_faults(connection: Connection) -> dict[str, list[str]]:
    """Return what is wrong, by the name of each check; an empty list is sound."""
    return {name: list(examine(connection)) for name, examine in CHECKS.items()}


def _file_faults(connection: Connection) -> Iterator[str]:
    """Look into a SQLite file: it is whole, and points nowhere into the void."""
    if connection.dialect.name != "sqlite":
        return
    said = connection.execute(text("PRAGMA integrity_check(10)")).scalars()
    yield from (str(line) for line in said if line != "ok")
    for row in connection.execute(text("PRAGMA foreign_key_check")).fetchmany(10):
        yield f"a row of {row[0]} points to a row of {row[2]} that is not there"


def _events_that_do_not_add_up(connection: Connection) -> Iterator[str]:
    """Add up the rows bound to each meter event: it reports just them."""
    carried = (
        select(
            usage.meter_event_id.label("event"),
            func.count().label("rows"),
            func.sum(usage.billed_minutes).label("minutes"),
            func.sum(usage.amount_micro).label("amount"),
        )
        .where(usage.meter_event_id.is_not(None))
        .group_by(usage.meter_event_id)
        .subquery()
    )
    held = carried.c
    query = (
        select(event.identifier, event.minutes, func.coalesce(held.minutes, 0))
        .select_from(meter_event.outerjoin(carried, held.event == event.id))
        .where(
            or_(
                func.coalesce(held.rows, 0) != event.usage_rows,
                func.coalesce(held.minutes, 0) != event.minutes,
                func.coalesce(held.amount, 0) != event.amount_micro,
            )
        )
    )
    for name, minutes, found in connection.execute(query.limit(_EXAMPLES)):
        yield f"event {name} reports {minutes} minutes, its rows hold {found}"


def _calls_not_billed_as_rated(connection: Connection) -> Iterator[str]:
    """Add up the rows of each call: they are the minutes of its newest revision."""
    newest = (
        select(func.max(call.c.id).label("id"))
        .group_by(call.c.account, call.c.call_id)
        .subquery()
    )
    posted = (
        select(
            usage.account,
            usage.call_id,
            func.sum(usage.billed_minutes).label("minutes"),
        )
        .group_by(usage.account, usage.call_id)
        .subquery()
    )
    started = (call.c.duration_seconds + SECONDS_PER_MINUTE - 1) // SECONDS_PER_MINUTE
    due = case(
        (call.c.customer.is_(None), 0), (call.c.duration_seconds == 0, 1), else_=started
    )
    held = func.coalesce(posted.c.minutes, 0)
    same_call = (posted.c.account == call.c.account) & (
        posted.c.call_id == call.c.call_id
    )
    query = (
        select(call.c.account, call.c.call_id, due, held)
        .select_from(
            call.join(newest, newest.c.id == call.c.id).outerjoin(posted, same_call)
        )
        .where(due != held)
    )
    for account, call_id, wanted, found in connection.execute(query.limit(_EXAMPLES)):
        yield f"call {call_id} of {account} is {wanted} minutes, its rows hold {found}"


def _rows_not_priced_as_listed(connection: Connection) -> Iterator[str]:
    """Price the rows of usage anew: each has the amount that its price gives."""
    keys = usage.price_id, usage.billed_minutes, usage.amount_micro
    kinds = (
        select(*keys, price.c.effective_from, price.c.per_minute, price.c.currency)
        .select_from(b2b_usage.join(price, price.c.id == usage.price_id))
        .where(usage.type == "api_usage")
        .distinct()
    )
    for _, minutes, amount, *listed in connection.execute(kinds):
        due = amount_micro(minutes, Price(*listed))
        if due != amount:
            yield f"{minutes} minutes cost {due} micro-units, rows hold {amount}"


CHECKS: dict[str, Examine] = {
    "file": _file_faults,
    "events": _events_that_do_not_add_up,
    "calls": _calls_not_billed_as_rated,
    "amounts": _rows_not_priced_as_listed,
}
