"""Send holds: who stopped the sending, of all customers or of one, and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.tables import send_hold

_column = send_hold.c


@dataclass(frozen=True, slots=True)
class SendHold:
    """A hold in force: nothing is sent for its customer; None is all of them."""

    customer: str | None
    at: datetime
    actor: str
    reason: str

    def sentence(self) -> str:
        """Say what is held, since when, by whom and why, and what lifts it."""
        of = self.customer or "any customer"
        lift = "`pamela-billing sync --release`"
        if self.customer:
            lift = f"`pamela-billing sync --release --customer {self.customer}`"
        return (
            f"nothing is sent for {of}: held since {self.at:%Y-%m-%dT%H:%M:%SZ} by "
            f"{self.actor} ({self.reason}); {lift} lifts it"
        )


def holds_in_force(connection: Connection) -> list[SendHold]:
    """Return the holds in force, that of all customers first."""
    newest = select(func.max(_column.id)).group_by(_column.customer)
    query = select(send_hold).where(_column.id.in_(newest), _column.held == 1)
    holds = [
        SendHold(row.customer, row.at, row.actor, row.reason or "")
        for row in connection.execute(query)
    ]
    return sorted(holds, key=lambda hold: hold.customer or "")


def record_hold(
    connection: Connection,
    actor: Actor,
    customer: str | None,
    reason: str | None,
    *,
    held: bool,
) -> None:
    """Record that sending is held, or released, for a customer or for all."""
    values = {"customer": customer, "held": int(held), "at": actor.at}
    row = {**values, "actor": actor.name, "reason": reason}
    connection.execute(insert(send_hold).values(row))
    action = "sending.held" if held else "sending.released"
    subject = f"customer:{customer}" if customer else "all customers"
    audit_log.record(connection, actor, action, subject, reason=reason)
