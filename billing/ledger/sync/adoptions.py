"""Adoptions: whose meter was taken over, and the rows that its opening counts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from billing.domain.adoption import Adoption, AdoptionKind
from billing.domain.breaks import priced
from billing.domain.meter_event import MOST_EVENTS_PER_HOUR
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.domain.staging import MeterDestination, PlannedEvent, UnstagedRow
from billing.errors import BadInput
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.registry import customers_renamed
from billing.ledger.schema.tables import adoption, meter_opening
from billing.ledger.sync.event_rows import add_events, next_sequences

column = adoption.c
_CUTS = (
    select(adoption)
    .where(column.kind.in_([AdoptionKind.CUT_OVER.value, AdoptionKind.UNDO.value]))
    .order_by(column.id)
)
_CUTS_OF = _CUTS.where(column.customer.in_(bindparam("names", expanding=True)))


class OpeningHour(NamedTuple):
    """An hour before a cut-over: what stood there, and our rows that it counts."""

    minutes: int
    rows: Sequence[UnstagedRow]


def read_adoptions(connection: Connection) -> dict[str, Adoption]:
    """Return each customer's newest cut-over that was not undone, by all its names."""
    in_force = _in_force(connection.execute(_CUTS))
    if in_force:
        renamed = customers_renamed(connection)
        of_others = {
            name: _newest(in_force[each] for each in names & in_force.keys())
            for name, names in renamed.items()
            if names & in_force.keys()
        }
        in_force |= of_others
    return in_force


def adoption_of(connection: Connection, names: Collection[str]) -> Adoption | None:
    """Return the newest cut-over of a customer, under any of its names, or None."""
    in_force = _in_force(connection.execute(_CUTS_OF, {"names": [*names]}))
    return _newest(in_force.values()) if in_force else None


def _newest(cuts: Iterable[Adoption]) -> Adoption:
    return max(cuts, key=attrgetter("id"))


def _in_force(rows: Iterable[Any]) -> dict[str, Adoption]:
    in_force: defaultdict[str, list[Adoption]] = defaultdict(list)
    for row in rows:
        earlier = in_force[row.customer]
        if row.kind == AdoptionKind.UNDO.value:
            earlier.pop()
            continue
        earlier.append(
            Adoption(
                id=row.id,
                customer=row.customer,
                stripe_customer=row.stripe_customer,
                meter=row.meter,
                livemode=bool(row.livemode),
                from_hour=row.from_hour,
                at=row.at,
                actor=row.actor,
                reason=row.reason,
            )
        )
    return {customer: cuts[-1] for customer, cuts in in_force.items() if cuts}


def adopted_rows(
    adopted: Adoption | None,
    rows: Iterable[UnstagedRow],
    closed: Collection[BillingPeriod],
) -> list[UnstagedRow]:
    """Return the rows that an opening counts: of hours before a cut-over.

    What comes after the close of its month goes on to a later one, and is ours.
    """
    if adopted is None:
        return []
    return [
        row
        for row in rows
        if row.hour < adopted.from_hour and BillingPeriod.of(row.hour) not in closed
    ]


def add_openings(
    connection: Connection,
    customer: str,
    adopted: Adoption,
    hours: Mapping[datetime, OpeningHour],
    actor: Actor,
    *,
    read_at: datetime | None = None,
) -> None:
    """Make an event for each hour, which counts its rows and is never sent.

    It has the minutes that stood there, whatever the rows come to: so bounds and
    totals of the meter know of them. Raises BadInput for an hour that is full.
    """
    to = MeterDestination(
        customer=customer,
        stripe_customer=adopted.stripe_customer,
        meter=adopted.meter,
        livemode=adopted.livemode,
    )
    sequences = next_sequences(connection, to, hours)
    plans = []
    for hour, (minutes, rows) in sorted(hours.items()):
        sequence = sequences.get(hour, 0)
        if sequence >= MOST_EVENTS_PER_HOUR:
            raise BadInput(
                f"the hour {hour:%Y-%m-%dT%HZ} of {customer} holds sixty "
                "events, and has no room for its opening; a person must correct it"
            )
        rated = charge_of(rows)
        amount = rated.amount_micro + priced(minutes - rated.minutes, rated)
        numbers = tuple(row.id for row in rows)
        plans.append(PlannedEvent(to.event(hour, sequence, minutes), amount, numbers))
    evidence = f"counted by the opening before {adopted.from_hour:%Y-%m-%dT%HZ}"
    made = add_events(connection, plans, actor.at, evidence=evidence)
    bind_openings(connection, adopted.id, plans, made, read_at=read_at)
    detail = {
        "adoption": adopted.id,
        "hours": len(plans),
        "minutes": sum(hour.minutes for hour in hours.values()),
        "rows": sum(len(hour.rows) for hour in hours.values()),
    }
    audit_log.record(connection, actor, "opening.counted", customer, detail)


def bind_openings(
    connection: Connection,
    number: int,
    plans: Iterable[PlannedEvent],
    made: Mapping[str, int],
    *,
    read_at: datetime | None,
    stood: bool = True,
) -> None:
    """Say of events by which decision they were made, and what stood there already."""
    rows = [
        {
            "adoption_id": number,
            "event_id": made[plan.event.identifier],
            "minutes": plan.event.minutes if stood else 0,
            "read_at": read_at,
        }
        for plan in plans
    ]
    if rows:
        connection.execute(insert(meter_opening), rows)


def charge_of(rows: Iterable[UnstagedRow]) -> Charge:
    """Add rows up."""
    rows = list(rows)
    return Charge(
        sum(row.minutes for row in rows), sum(row.amount_micro for row in rows)
    )
