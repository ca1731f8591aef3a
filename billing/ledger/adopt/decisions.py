"""Decisions: what people decide of a customer's meter, each with its audit event."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, insert, select

from billing.domain.adoption import Adoption, AdoptionKind
from billing.domain.meter_contact import ContactReading, MeterMonth
from billing.domain.meter_event import FailReason
from billing.domain.period import BillingPeriod
from billing.domain.staging import MeterDestination
from billing.errors import BadInput, UnknownName
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.registry import names_of
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import (
    adoption,
    meter_contact,
    meter_event,
    meter_opening,
)
from billing.ledger.sync import outbox
from billing.ledger.sync.adoptions import adoption_of, read_adoptions
from billing.ledger.sync.event_rows import release
from billing.ledger.sync.first_contact import Contact, record_contacts
from billing.ledger.sync.meter_bounds import contact_bounds

column, event, contact = adoption.c, meter_event.c, meter_contact.c
_ACTIONS = {
    AdoptionKind.CUT_OVER: "meter.adopted",
    AdoptionKind.UNDO: "adoption.undone",
    AdoptionKind.SEND_DIFFERENCE: "difference.sent",
    AdoptionKind.LEAVE_DIFFERENCE: "difference.left",
}


@dataclass(frozen=True, slots=True)
class AdoptionDecision:
    """What a person decides: of whose meter, from which hour, and why."""

    kind: AdoptionKind
    to: MeterDestination
    from_hour: datetime
    reason: str
    stopped_at: datetime | None = None
    period: BillingPeriod | None = None  # of a difference
    minutes: int | None = None

    @classmethod
    def of(
        cls, adopted: Adoption, kind: AdoptionKind, reason: str
    ) -> "AdoptionDecision":
        """Return a decision on a cut-over that is in force."""
        to = MeterDestination(
            customer=adopted.customer,
            stripe_customer=adopted.stripe_customer,
            meter=adopted.meter,
            livemode=adopted.livemode,
        )
        return cls(kind=kind, to=to, from_hour=adopted.from_hour, reason=reason)


def record_decision(
    connection: Connection, actor: Actor, decision: AdoptionDecision
) -> int:
    """Keep a decision, and say so in the trail; returns its number."""
    to, period = decision.to, decision.period
    values = {
        "kind": decision.kind.value,
        "customer": to.customer,
        "stripe_customer": to.stripe_customer,
        "meter": to.meter,
        "livemode": int(to.livemode),
        "from_hour": decision.from_hour,
        "at": actor.at,
        "actor": actor.name,
        "reason": decision.reason,
        "stopped_at": decision.stopped_at,
        "period": None if period is None else str(period),
        "minutes": decision.minutes,
    }
    add = insert(adoption).values(values).returning(column.id)
    number = int(connection.execute(add).scalar_one())
    detail: dict[str, object] = {
        "adoption": number,
        "from": decision.from_hour.isoformat(),
        "stripe_customer": to.stripe_customer,
    }
    if decision.period is not None:
        detail |= {"period": values["period"], "minutes": decision.minutes}
    audit_log.record(
        connection,
        actor,
        _ACTIONS[decision.kind],
        to.customer,
        detail,
        reason=decision.reason,
    )
    return number


def require_adoption(connection: Connection, customer: str) -> Adoption:
    """Return a customer's cut-over in force; raises UnknownName without one.

    It may have been made under a name that the customer had before.
    """
    adopted = adoption_of(connection, names_of(connection, customer))
    if adopted is None:
        names = sorted(read_adoptions(connection))
        raise UnknownName("adopted customer", customer, names, "those taken over are")
    return adopted


def undo_cut_over(
    connection: Connection, actor: Actor, adopted: Adoption, reason: str
) -> None:
    """Take a cut-over back: its openings count nothing, its rows wait again.

    Raises BadInput once anything was sent since, or a month of it was closed.
    """
    _refuse_used(connection, adopted)
    decision = AdoptionDecision.of(adopted, AdoptionKind.UNDO, reason)
    record_decision(connection, actor, decision)
    counted = outbox.events_that(
        connection,
        event.id.in_(_openings(adopted).order_by(None)),
        event.reason.is_distinct_from(FailReason.REPLACED.value),
    )
    for opening in counted:
        release(connection, opening)
    _forget(connection, adopted, actor.at)


def _refuse_used(connection: Connection, adopted: Adoption) -> None:
    customer = adopted.customer
    sent = select(func.count()).where(
        event.customer.in_(names_of(connection, customer)),
        event.last_sent_at >= adopted.at,
    )
    if events := connection.execute(sent).scalar_one():
        raise BadInput(
            f"{events} events of {customer} were sent since its cut-over, so it cannot "
            f"be undone: `sync --hold --customer {customer} --reason TEXT` stops the "
            "sending, and a later `adopt --from HOUR` takes over what another program "
            "reports meanwhile"
        )
    query = _openings(adopted).with_only_columns(event.period).distinct()
    months = connection.scalars(query.order_by(None))
    closed = {*map(BillingPeriod.parse, months)} & closed_months(connection)
    if closed:
        raise BadInput(
            f"{min(closed)} is closed, and holds the opening of {customer}: its "
            "cut-over cannot be undone"
        )


def _openings(adopted: Adoption) -> Select[int]:
    """Select the events of a cut-over, and of what was decided on its differences."""
    later = select(column.id).where(
        column.customer == adopted.customer, column.id >= adopted.id
    )
    return (
        select(event.id)
        .select_from(meter_opening.join(meter_event))
        .where(meter_opening.c.adoption_id.in_(later))
        .order_by(event.id)
    )


def _forget(connection: Connection, adopted: Adoption, now: datetime) -> None:
    """Keep the newest contact of each month anew: what stands there is not ours."""
    query = select(contact.period).where(
        contact.stripe_customer == adopted.stripe_customer,
        contact.meter == adopted.meter,
        contact.livemode == int(adopted.livemode),
    )
    for name in sorted(connection.scalars(query.distinct())):
        month = MeterMonth(
            stripe_customer=adopted.stripe_customer,
            meter=adopted.meter,
            livemode=adopted.livemode,
            period=BillingPeriod.parse(name),
        )
        newest = query.with_only_columns(contact.read_at, contact.minutes).where(
            contact.period == name
        )
        row = connection.execute(newest.order_by(contact.id.desc()).limit(1)).one()
        bounds = contact_bounds(connection, adopted.customer, month, now)
        reading = ContactReading(row.read_at, row.minutes, bounds.upper)
        again = Contact(adopted.customer, month, reading, bounds.lower)
        record_contacts(connection, [again])
