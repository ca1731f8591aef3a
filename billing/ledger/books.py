"""The books: what the ledger holds, summed the ways that readers ask for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from billing.domain.metering import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.domain.reconciling import UnsyncedCall
from billing.ledger.tables import b2b_usage, call, meter_event

usage = b2b_usage.c


@dataclass(frozen=True, slots=True)
class Holding:
    """What the ledger holds of one account's customer in a month."""

    account: str
    customer: str
    minutes: int
    rows: int


@dataclass(frozen=True, slots=True)
class SourceGap:
    """A call whose minutes at the source are not by the rule: theirs less ours."""

    account: str
    customer: str
    call_id: str
    minutes: int


def holdings(connection: Connection, period: BillingPeriod) -> list[Holding]:
    """Return the minutes of a month by account and customer."""
    keys = usage.account, usage.customer
    query = (
        select(*keys, func.sum(usage.billed_minutes), func.count())
        .where(usage.period == str(period))
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        Holding(account, customer, int(minutes), rows)
        for account, customer, minutes, rows in connection.execute(query)
    ]


def account_minutes(connection: Connection, period: BillingPeriod, account: str) -> int:
    """Return the minutes that the ledger holds of an account's month."""
    query = select(func.coalesce(func.sum(usage.billed_minutes), 0)).where(
        usage.period == str(period), usage.account == account
    )
    return int(connection.execute(query).scalar_one())


def calls_underway(connection: Connection, account: str) -> list[str]:
    """Return the calls that were not over when they were last read."""
    query = select(call.c.call_id).where(
        call.c.account == account,
        call.c.not_billable == "underway",
        _is_newest(),
    )
    return list(connection.scalars(query.order_by(call.c.id)))


def _is_newest() -> ColumnElement[bool]:
    newer = call.alias("newer")
    later = select(newer.c.id).where(
        newer.c.account == call.c.account,
        newer.c.call_id == call.c.call_id,
        newer.c.revision > call.c.revision,
    )
    return ~later.exists()


def source_gaps(connection: Connection, period: BillingPeriod) -> list[SourceGap]:
    """Return the calls whose minutes at the source are not by the rule."""
    columns = call.c.account, call.c.customer, call.c.call_id, call.c.minutes_gap
    query = select(*columns).where(
        call.c.period == str(period),
        call.c.minutes_gap != 0,
        _is_newest(),
    )
    rows = connection.execute(query.order_by(call.c.id))
    return [SourceGap(*row) for row in rows]


def posted_calls(
    connection: Connection, period: BillingPeriod, account: str
) -> dict[str, dict[str, Charge]]:
    """Return what is posted in an account's month, by customer and call."""
    keys = usage.customer, usage.call_id
    query = (
        select(*keys, func.sum(usage.billed_minutes), func.sum(usage.amount_micro))
        .where(usage.period == str(period), usage.account == account)
        .group_by(*keys)
    )
    posted: dict[str, dict[str, Charge]] = defaultdict(dict)
    for customer, call_id, minutes, amount in connection.execute(query):
        posted[customer][call_id] = Charge(int(minutes), int(amount))
    return posted


@dataclass(frozen=True, slots=True)
class CustomerAccount:
    """What the ledger holds of one customer's month, as of one moment."""

    minutes: int
    synced: Mapping[datetime, Charge]
    unsynced: tuple[UnsyncedCall, ...]
    last_sent_at: datetime | None

    @property
    def synced_minutes(self) -> int:
        """The minutes that are on the meter, as far as is known."""
        return sum(charge.minutes for charge in self.synced.values())


def customer_account(
    connection: Connection, period: BillingPeriod, customer: str
) -> CustomerAccount:
    """Return what the ledger holds of a customer's month, in one consistent read."""
    total = select(func.coalesce(func.sum(usage.billed_minutes), 0)).where(
        usage.period == str(period), usage.customer == customer
    )
    event = meter_event.c
    of_customer = (event.period == str(period)) & (event.customer == customer)
    hours = (
        select(event.hour, func.sum(event.minutes), func.sum(event.amount_micro))
        .where(of_customer, event.state == "synced")
        .group_by(event.hour)
    )
    sent = select(func.max(event.last_sent_at)).where(of_customer)
    return CustomerAccount(
        int(connection.execute(total).scalar_one()),
        {
            hour: Charge(int(minutes), int(amount))
            for hour, minutes, amount in connection.execute(hours)
        },
        tuple(unsynced_calls(connection, period, customer)),
        connection.execute(sent).scalar(),
    )


def unsynced_calls(
    connection: Connection, period: BillingPeriod, customer: str
) -> Sequence[UnsyncedCall]:
    """Return the calls of a customer's month that are not known as synced."""
    calls = _unstaged_calls(connection, period, customer)
    calls += _unanswered_calls(connection, period, customer)
    return sorted(calls, key=lambda call: (call.hour, call.call_id))


# Both ask for few rows among very many: neither may start from the month's rows.
def _unstaged_calls(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[UnsyncedCall]:
    keys = usage.call_id, usage.hour
    query = (
        select(*keys, func.sum(usage.billed_minutes), func.sum(usage.amount_micro))
        .where(
            usage.customer == customer,
            usage.hour >= period.start,
            usage.hour < period.end,
            usage.meter_event_id.is_(None),
        )
        .group_by(*keys)
    )
    return [
        UnsyncedCall(call_id, hour, Charge(int(minutes), int(amount)), None)
        for call_id, hour, minutes, amount in connection.execute(query)
    ]


def _unanswered_calls(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[UnsyncedCall]:
    event = meter_event.c
    keys = usage.call_id, usage.hour, event.state, event.reason
    query = (
        select(
            *keys,
            func.sum(usage.billed_minutes),
            func.sum(usage.amount_micro),
            func.max(event.last_sent_at),
        )
        .select_from(meter_event.join(b2b_usage))
        .where(
            event.period == str(period),
            event.customer == customer,
            event.state != "synced",
        )
        .group_by(*keys)
    )
    return [
        UnsyncedCall(
            call_id,
            hour,
            Charge(int(minutes), int(amount)),
            EventState(state),
            FailReason(reason) if reason else None,
            attempted=sent_at is not None,
        )
        for call_id, hour, state, reason, minutes, amount, sent_at in (
            connection.execute(query)
        )
    ]
