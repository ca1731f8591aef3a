"""Adoptions: whose meter was taken over from another program, and from which hour."""

from collections import defaultdict

from sqlalchemy import Connection, select

from billing.domain.adoption import Adoption, AdoptionKind
from billing.ledger.schema.tables import adoption

column = adoption.c


def read_adoptions(connection: Connection) -> dict[str, Adoption]:
    """Return each customer's newest cut-over that was not undone."""
    kinds = (AdoptionKind.CUT_OVER.value, AdoptionKind.UNDO.value)
    rows = connection.execute(
        select(adoption).where(column.kind.in_(kinds)).order_by(column.id)
    )
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
