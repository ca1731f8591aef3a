"""Existence: when each Stripe customer was last seen, and when they were looked for."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from billing.domain.customer_existence import CustomersSeen, Look
from billing.ledger.schema.tables import customer_look, customer_seen

LISTED, DELETED = "listed", "deleted"
NEVER = datetime.fromtimestamp(0, UTC)
_SEEN, _LOOK = customer_seen.c, customer_look.c
_OF_THEM = (
    _SEEN.meter_id == bindparam("of_meter"),
    _SEEN.stripe_customer.in_(bindparam("names", expanding=True)),
)
_KNOWN = select(_SEEN.stripe_customer).where(*_OF_THEM)
_SEE = update(customer_seen).where(*_OF_THEM).values(seen_at=bindparam("at"))
_AT_ONCE = 500


class Seen(NamedTuple):
    """A customer that was there."""

    stripe_customer: str
    meter_id: str
    at: datetime


def read_customers_seen(connection: Connection, meter_id: str) -> CustomersSeen:
    """Return what is known of the customers of a meter's account."""
    seen = select(_SEEN.stripe_customer, _SEEN.seen_at).where(
        _SEEN.meter_id == meter_id
    )
    looks = select(customer_look).where(_LOOK.meter_id == meter_id)
    by_kind = {
        row.kind: Look(row.at, row.requests) for row in connection.execute(looks)
    }
    return CustomersSeen(
        meter_id=meter_id,
        seen={row.stripe_customer: row.seen_at for row in connection.execute(seen)},
        listed=by_kind.get(LISTED),
        deletions=by_kind.get(DELETED),
    )


def record_seen(connection: Connection, customers: Sequence[Seen]) -> None:
    """Note customers that were there; of one that was noted before, the later."""
    by_time: dict[tuple[str, datetime], set[str]] = defaultdict(set)
    for each in {
        (one.stripe_customer, one.meter_id): one for one in customers
    }.values():
        by_time[each.meter_id, each.at].add(each.stripe_customer)
    for (meter_id, at), names in by_time.items():
        known = _note(connection, names, at, meter_id)
        values = [
            {"stripe_customer": name, "meter_id": meter_id, "seen_at": at}
            for name in sorted(names - known)
        ]
        if values:
            connection.execute(insert(customer_seen), values)


def forget(
    connection: Connection, stripe_customers: Collection[str], meter_id: str
) -> None:
    """Forget customers: each is asked for before its next event."""
    _note(connection, stripe_customers, NEVER, meter_id)


def record_look(connection: Connection, kind: str, look: Look, meter_id: str) -> None:
    """Note that customers were looked for, in place of the last time."""
    of_account = _LOOK.kind == kind, _LOOK.meter_id == meter_id
    values = {"at": look.at, "requests": look.requests}
    changed = connection.execute(
        update(customer_look).where(*of_account).values(values)
    )
    if not changed.rowcount:
        named = values | {"kind": kind, "meter_id": meter_id}
        connection.execute(insert(customer_look).values(named))


def _note(
    connection: Connection, names: Collection[str], at: datetime, meter_id: str
) -> set[str]:
    """Note when customers were seen, of those that are known; returns these."""
    known: set[str] = set()
    in_order = sorted(names)
    for start in range(0, len(in_order), _AT_ONCE):
        some = {"of_meter": meter_id, "names": in_order[start : start + _AT_ONCE]}
        known |= {*connection.scalars(_KNOWN, some)}
        connection.execute(_SEE, some | {"at": at})
    return known
