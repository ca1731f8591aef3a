"""Existence: when each Stripe customer was last seen, and when they were looked for."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from billing.domain.customer_existence import CustomersSeen, Look
from billing.ledger.schema.tables import customer_look, customer_seen

LISTED, DELETED = "listed", "deleted"
_SEEN = customer_seen.c
_OF_THEM = (
    _SEEN.livemode == bindparam("livemode"),
    _SEEN.stripe_customer.in_(bindparam("names", expanding=True)),
)
_AT_ONCE = 500


class Seen(NamedTuple):
    """A customer that was there."""

    stripe_customer: str
    livemode: bool
    at: datetime


def read_customers_seen(connection: Connection, *, livemode: bool) -> CustomersSeen:
    """Return what is known of the customers of a mode."""
    mode = int(livemode)
    seen = select(_SEEN.stripe_customer, _SEEN.seen_at).where(_SEEN.livemode == mode)
    looks = select(customer_look).where(customer_look.c.livemode == mode)
    by_kind = {
        row.kind: Look(row.at, row.requests) for row in connection.execute(looks)
    }
    return CustomersSeen(
        livemode=livemode,
        seen={row.stripe_customer: row.seen_at for row in connection.execute(seen)},
        listed=by_kind.get(LISTED),
        deletions=by_kind.get(DELETED),
    )


def record_seen(connection: Connection, customers: Sequence[Seen]) -> None:
    """Note customers that were there; of one that was noted before, the later."""
    by_mode: dict[bool, dict[str, Seen]] = {True: {}, False: {}}
    for each in customers:
        by_mode[each.livemode][each.stripe_customer] = each
    for livemode, named in by_mode.items():
        forget(connection, list(named), livemode=livemode)
    values = [
        {
            "stripe_customer": each.stripe_customer,
            "livemode": int(livemode),
            "seen_at": each.at,
        }
        for livemode, named in by_mode.items()
        for each in named.values()
    ]
    if values:
        connection.execute(insert(customer_seen), values)


def forget(
    connection: Connection, stripe_customers: Collection[str], *, livemode: bool
) -> None:
    """Forget customers: each is asked for before its next event."""
    names = sorted(stripe_customers)
    for start in range(0, len(names), _AT_ONCE):
        some = {"livemode": int(livemode), "names": names[start : start + _AT_ONCE]}
        connection.execute(delete(customer_seen).where(*_OF_THEM), some)


def record_look(
    connection: Connection, kind: str, look: Look, *, livemode: bool
) -> None:
    """Note that customers were looked for, in place of the last time."""
    mode = {"kind": kind, "livemode": int(livemode)}
    connection.execute(
        delete(customer_look).where(
            customer_look.c.kind == kind, customer_look.c.livemode == int(livemode)
        )
    )
    values = mode | {"at": look.at, "requests": look.requests}
    connection.execute(insert(customer_look).values(values))
