"""Shadow: whose meter is only read, since another program still feeds it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from billing.errors import SettingsFault
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync.adoptions import read_adoptions

event = meter_event.c
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Shadow:
    """Whether the settings say shadow, and who was taken over nevertheless."""

    is_on: bool = False
    adopted: frozenset[str] = frozenset()

    def holds(self, customer: str) -> bool:
        """Say whether nothing is sent for a customer."""
        return self.is_on and customer not in self.adopted

    def among(self, customers: Collection[str]) -> list[str]:
        """Return those of some customers that nothing is sent for."""
        return sorted(name for name in customers if self.holds(name))


NO_SHADOW = Shadow()


def read_shadow(connection: Connection, *, is_on: bool) -> Shadow:
    """Return for whom nothing is sent; an adopted customer is sent all the same."""
    if not is_on:
        return NO_SHADOW
    return Shadow(True, frozenset(read_adoptions(connection)))


def refuse_shadow_of_senders(
    connection: Connection, shadow: Shadow, meter: str, *, livemode: bool
) -> None:
    """Refuse shadow for whom this ledger sends already; raises SettingsFault.

    Its month would stop half-way, what is uncertain would never be settled, and the
    meter would be compared with what this ledger itself has sent there.
    """
    if not shadow.is_on:
        return
    query = select(event.customer).distinct()
    query = query.where(
        event.meter == meter,
        event.livemode == int(livemode),
        event.last_sent_at.is_not(None),
    )
    senders = shadow.among(list(connection.scalars(query)))
    if senders:
        more = len(senders) - _MOST_NAMES
        listed = ", ".join(senders[:_MOST_NAMES])
        listed += f" and {more:,} more" if more > 0 else ""
        what = (
            f'"shadow" is refused: this ledger has sent for {listed} already, without '
            'an adoption; take `send = "shadow"` out, and stop sending with '
            "`pamela-billing sync --hold --reason TEXT` if that is meant"
        )
        raise SettingsFault("stripe.send", what)
