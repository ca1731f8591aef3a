"""Contact context: what a sync knows of all customers before it asks about each."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
)

from billing.domain.adoption import Adoption
from billing.domain.break_causes import Cause
from billing.domain.break_groups import TOO_MUCH
from billing.domain.meter_contact import RUNNING_DAY, MeterMonth, SendingStop
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import last_of_actions
from billing.ledger.registry import addresses_in_turn, customers_renamed
from billing.ledger.schema.findings import CASES_AS_FOUND
from billing.ledger.schema.tables import (
    break_case,
    meter_contact,
    meter_event,
    reconciliation_break,
    reconciliation_run,
    sole_reporter,
)
from billing.ledger.sync.adoptions import adoption_of, read_adoptions
from billing.ledger.sync.after_restore import RESTORED

case, break_ = break_case.c, reconciliation_break.c
contact, event = meter_contact.c, meter_event.c
EVER = datetime.min.replace(tzinfo=UTC)
STATED = "meter.sole_reporter"


# Open cases by which somebody else reports, as they were found last.
_CASES = (
    select(break_case, break_.minutes, reconciliation_run.c.started_at)
    .select_from(
        CASES_AS_FOUND.join(
            reconciliation_run, reconciliation_run.c.id == break_.run_id
        )
    )
    .where(
        case.period.in_(bindparam("months", expanding=True)),
        case.resolved_at.is_(None),
        case.cause.in_([cause.value for cause in TOO_MUCH]),
    )
    .order_by(case.id)
)
_STOPPING = _CASES.where(case.acknowledged_at.is_(None))
_LETS_BE = (
    select(case.id)
    .where(case.resolved_at.is_(None), case.acknowledged_at.is_not(None))
    .limit(1)
)
_LET_BE = _CASES.where(
    case.customer == bindparam("customer"), case.acknowledged_at.is_not(None)
)


@dataclass(frozen=True, slots=True)
class ContactContext:
    """What a sync knows of all customers alike, before it asks about each."""

    restored_at: datetime | None
    watched_since: datetime  # what was reconciled before does not count any more
    stops: tuple[SendingStop, ...]
    adoptions: Mapping[str, Adoption]
    lets_be: bool  # a person has acknowledged a break that is not resolved
    all_sole: bool
    sole: Mapping[str, bool]  # what was stated of a customer alone
    # Stripe's customers of whoever had several, where a restore may have forgotten what
    # was sent to them.
    addresses: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def remembers_from(self) -> datetime:
        """From when on nothing is forgotten: after the newest restore, if any."""
        return EVER if self.restored_at is None else self.restored_at

    def is_sole(self, customer: str) -> bool:
        """Say whether a person stated that nothing else reports of a customer."""
        return self.sole.get(customer, self.all_sole)

    def elsewhere(self, customer: str, month: MeterMonth) -> list[MeterMonth]:
        """Return a month at the customer's other addresses that a restore forgot."""
        if self.restored_at is None or month.period.start >= self.restored_at:
            return []
        others = self.addresses.get(customer, frozenset()) - {month.stripe_customer}
        return [replace(month, stripe_customer=other) for other in sorted(others)]


class UnsentContact(NamedTuple):
    """A month that was read, and that nothing is sent into since."""

    customer: str
    month: MeterMonth


def state_sole_reporter(
    connection: Connection,
    actor: Actor,
    reason: str,
    customer: str | None = None,
    *,
    withdrawn: bool = False,
) -> None:
    """Record that a person states, or takes back, that nothing else reports here."""
    values = {
        "stated_at": actor.at,
        "stated_by": actor.name,
        "reason": reason,
        "customer": customer,
        "withdrawn": int(withdrawn),
    }
    connection.execute(insert(sole_reporter).values(values))
    detail = {"withdrawn": withdrawn}
    audit_log.record(
        connection, actor, STATED, customer or "all", detail, reason=reason
    )


def read_context(connection: Connection, now: datetime) -> ContactContext:
    """Read what holds of all customers: restores, statements, and who has to stop."""
    restored = last_of_actions(connection, [RESTORED])
    restored_at = restored.at if restored is not None else None
    present = BillingPeriod.of(now)
    months = (present.previous, present)
    since = max(filter(None, (restored_at, now - RUNNING_DAY)))
    adoptions = read_adoptions(connection)
    all_sole, sole = False, dict[str, bool]()
    for row in connection.execute(select(sole_reporter).order_by(sole_reporter.c.id)):
        if row.customer is None:
            all_sole, sole = not row.withdrawn, {}
        else:
            sole[row.customer] = not row.withdrawn
    return ContactContext(
        restored_at=restored_at,
        watched_since=since,
        stops=tuple(_stops(connection, months, adoptions)),
        adoptions=adoptions,
        lets_be=connection.execute(_LETS_BE).first() is not None,
        all_sole=all_sole,
        sole=sole,
        addresses=addresses_in_turn(connection)
        if restored_at is not None and months[0].start < restored_at
        else {},
    )


def _stops(
    connection: Connection,
    months: Collection[BillingPeriod],
    adoptions: Mapping[str, Adoption],
) -> Iterator[SendingStop]:
    asked = {"months": [str(month) for month in months]}
    for row in connection.execute(_STOPPING, asked):
        if row.customer is not None and not _is_adopted(row, adoptions):
            yield SendingStop(
                customer=row.customer,
                period=BillingPeriod.parse(row.period),
                case=row.id,
                cause=Cause(row.cause),
                minutes=row.minutes,
            )


def acknowledged_minutes(
    connection: Connection, customer: str, period: BillingPeriod
) -> int:
    """Return the minutes of somebody else that a person knows of and lets be."""
    asked = {"months": [str(period)], "customer": customer}
    known = connection.execute(_LET_BE, asked).all()
    if not known:
        return 0  # as it mostly is
    adopted = adoption_of(connection, {customer})
    adoptions = {customer: adopted} if adopted else {}
    return sum(max(0, row.minutes) for row in known if not _is_adopted(row, adoptions))


def _is_adopted(row: Any, adoptions: Mapping[str, Adoption]) -> bool:
    """Say whether somebody else's minutes were taken over since they were found."""
    adopted = adoptions.get(row.customer)
    return adopted is not None and bool(adopted.at >= row.started_at)


def unsent_contacts(
    connection: Connection, context: ContactContext, months: Collection[BillingPeriod]
) -> list[UnsentContact]:
    """Return the months that were read, and that wait since or hold an opening."""
    keys = (
        contact.customer,
        contact.stripe_customer,
        contact.meter,
        contact.livemode,
        contact.period,
    )
    newest = (
        select(func.max(contact.id))
        .where(contact.period.in_([str(month) for month in months]))
        .where(contact.read_at > context.remembers_from)
        .group_by(*keys)
    )
    sent = exists().where(
        event.livemode == contact.livemode,
        event.meter == contact.meter,
        event.stripe_customer == contact.stripe_customer,
        event.period == contact.period,
        event.last_sent_at > context.remembers_from,
    )
    query = (
        select(meter_contact)
        .where(contact.id.in_(newest), or_(contact.minutes > contact.upper, ~sent))
        .order_by(contact.period, contact.customer, contact.id)
    )
    rows = connection.execute(query).all()
    return [
        UnsentContact(row.customer, _month_of(row))
        for row in _undecided(connection, context, rows)
    ]


def _month_of(row: Any) -> MeterMonth:
    return MeterMonth(
        stripe_customer=row.stripe_customer,
        meter=row.meter,
        livemode=bool(row.livemode),
        period=BillingPeriod.parse(row.period),
    )


def _undecided(
    connection: Connection, context: ContactContext, rows: Sequence[Any]
) -> Iterator[Any]:
    """Yield of each customer's month the newest reading that no cut-over came after.

    It stands for those under the customer's earlier names and at its old addresses.
    """
    if all(row.minutes <= row.upper for row in rows):
        yield from rows
        return
    linked = customers_renamed(connection)
    newest = {}
    for row in sorted(rows, key=attrgetter("id")):
        names = linked.get(row.customer, frozenset({row.customer}))
        newest[names, row.meter, row.livemode, row.period] = names, row
    for names, row in newest.values():
        cuts = [context.adoptions[name] for name in names & context.adoptions.keys()]
        if all(
            (cut.meter, cut.livemode) != (row.meter, bool(row.livemode))
            or row.read_at > cut.at
            for cut in cuts
        ):
            yield row
