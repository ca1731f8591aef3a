"""Who is billed, for which account, at which price: what the settings said."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, func, insert, select, update

from billing.domain.customer_names import NamedCustomer, linked_names
from billing.domain.period import BillingPeriod
from billing.domain.rating import Price
from billing.errors import SettingsFault
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import notes_of_action
from billing.ledger.audit.row_reader import ask
from billing.ledger.schema.tables import (
    account,
    b2b_usage,
    call,
    customer,
    price,
)
from billing.ledger.schema.usage_joins import RATED_FROM

REGISTERED = "{}.registered"


class Customer(NamedTuple):
    """Who is billed: our name for it, and Stripe's."""

    name: str
    stripe_customer: str


@dataclass(frozen=True, slots=True)
class Account:
    """One Pamela API key, and how its calls find their customers."""

    name: str
    customer: str | None
    customer_metadata_key: str | None = None


def register(
    connection: Connection,
    actor: Actor,
    *,
    customers: Iterable[Customer],
    accounts: Iterable[Account],
    prices: Iterable[Price],
) -> None:
    """Record what is new or changed; raises SettingsFault for a changed price."""
    _keep(
        connection,
        actor,
        customer,
        ("stripe_customer",),
        {each.name: (each.stripe_customer,) for each in customers},
    )
    _keep(
        connection,
        actor,
        account,
        ("customer", "customer_metadata_key"),
        {each.name: (each.customer, each.customer_metadata_key) for each in accounts},
    )
    for new_price in prices:
        _keep_price(connection, actor, new_price)


def price_ids(connection: Connection) -> dict[datetime, int]:
    """Return the number of each price, by the date it holds from."""
    rows = connection.execute(select(price.c.effective_from, price.c.id))
    return {row.effective_from: row.id for row in rows}


def known_customers(connection: Connection) -> dict[str, str]:
    """Return Stripe's name of each customer that was ever registered."""
    columns = customer.c.name, customer.c.stripe_customer
    rows = connection.execute(select(*columns).order_by(customer.c.name))
    return {name: stripe_customer for name, stripe_customer in rows}  # noqa: C416


def only_customer(connection: Connection, name: str) -> str | None:
    """Return who pays for all calls of an account; None where each call names it."""
    query = select(account.c.customer).where(
        account.c.name == name, account.c.customer_metadata_key.is_(None)
    )
    return connection.execute(query).scalar()


def customers_renamed(
    connection: Connection, named: Mapping[str, str] | None = None
) -> dict[str, frozenset[str]]:
    """Return all names of each customer that had several; `named` is the last word."""
    known = known_customers(connection)
    if named is not None and known.keys() <= named.keys():
        return {}  # whoever is renamed leaves a name behind
    last_edit = [
        NamedCustomer(name, known.get(name), stripe_customer)
        for name, stripe_customer in (named or {}).items()
        if known.get(name) != stripe_customer
    ]
    return linked_names([*_edits_of_customers(connection), last_edit])


def names_of(connection: Connection, customer: str) -> frozenset[str]:
    """Return every name that a customer has, or had before."""
    return customers_renamed(connection).get(customer, frozenset({customer}))


def addresses_in_turn(connection: Connection) -> dict[str, frozenset[str]]:
    """Return, by each name, all Stripe customers of whoever had several of them."""
    edits = list(_edits_of_customers(connection))
    linked = linked_names(edits)
    had: dict[str, set[str]] = defaultdict(set)
    for edit in edits:
        for each in edit:
            had[each.name].add(each.now)
    addresses = {
        name: frozenset().union(*(had[one] for one in linked.get(name, {name})))
        for name in had
    }
    return {name: names for name, names in addresses.items() if len(names) > 1}


def _edits_of_customers(connection: Connection) -> Iterator[list[NamedCustomer]]:
    action = REGISTERED.format(customer.name)
    for notes in notes_of_action(connection, action, _addresses):
        yield [NamedCustomer(name, *addresses) for name, addresses in notes]


def _addresses(detail: Any) -> tuple[str | None, str]:
    before = detail["was"] and detail["was"]["stripe_customer"]
    return before, detail["is"]["stripe_customer"]


def known_prices(connection: Connection) -> list[Price]:
    """Return every price ever registered."""
    columns = price.c.effective_from, price.c.per_minute, price.c.currency
    return [Price(**row._mapping) for row in connection.execute(select(*columns))]


def _keep(
    connection: Connection,
    actor: Actor,
    table: Table,
    fields: Sequence[str],
    settings: Mapping[str, tuple[str | None, ...]],
) -> None:
    """Keep what is new or changed, in few statements however many names there are."""
    # Often there is nothing: so all names are read as the driver gives them.
    words = f"SELECT name, {', '.join(fields)} FROM {table.name}"  # noqa: S608 # names are ours
    known = {name: tuple(values) for name, *values in ask(connection, words)}
    news = {
        name: dict(zip(fields, values, strict=True))
        for name, values in settings.items()
        if known.get(name) != values
    }
    if not news:
        return
    added = [
        {"name": name, "registered_at": actor.at, **values}
        for name, values in news.items()
        if name not in known
    ]
    changed = [
        {"of_name": name, **values} for name, values in news.items() if name in known
    ]
    audit_log.touch(connection, table, news)
    if added:
        connection.execute(insert(table), added)
    if changed:
        query = update(table).where(table.c.name == bindparam("of_name"))
        connection.execute(query, changed)
    action = REGISTERED.format(table.name)
    for name, values in news.items():
        was = dict(zip(fields, known[name], strict=True)) if name in known else None
        detail = {"was": was, "is": values}
        audit_log.record(connection, actor, action, name, detail)


def _keep_price(connection: Connection, actor: Actor, new_price: Price) -> None:
    same_date = price.c.effective_from == new_price.effective_from
    columns = price.c.per_minute, price.c.currency
    row = connection.execute(select(*columns).where(same_date)).first()
    if row is None:
        _refuse_back_dated(connection, new_price)
        new_row = {
            "effective_from": new_price.effective_from,
            "per_minute": new_price.per_minute,
            "currency": new_price.currency,
            "registered_at": actor.at,
        }
        connection.execute(insert(price).values(new_row))
        date = new_price.effective_from.date().isoformat()
        audit_log.record(
            connection, actor, "price.registered", date, {"price": new_price.per_minute}
        )
    elif (row.per_minute, row.currency) != (new_price.per_minute, new_price.currency):
        raise SettingsFault(
            f"prices, from {new_price.effective_from.date()}",
            f"the ledger already holds {row.per_minute} {row.currency} from that "
            "date, and a price never changes; add one with a later date",
        )


def _refuse_back_dated(connection: Connection, new_price: Price) -> None:
    """Refuse a price for calls that are billed already: they keep the one they had."""
    since, usage = new_price.effective_from, b2b_usage.c
    billed = (
        select(usage.call_id)
        .select_from(b2b_usage.join(call, RATED_FROM))
        .where(usage.period >= str(BillingPeriod.of(since)), call.c.started_at >= since)
    )
    after = select(func.min(price.c.effective_from)).where(
        price.c.effective_from > since
    )
    until = connection.execute(after).scalar()
    if until is not None:
        billed = billed.where(call.c.started_at < until)
    first = connection.execute(billed.limit(1)).scalar()
    if first is not None:
        raise SettingsFault(
            f"prices, from {since.date()}",
            f"calls since that date are billed already, such as {first}; "
            "a new price holds from a date that is still to come",
        )
