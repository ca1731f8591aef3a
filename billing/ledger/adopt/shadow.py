"""Shadow: whose meter is only read, since another program still feeds it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from billing.domain.adoption import Adoption
from billing.domain.listed_names import listed_names
from billing.errors import SettingsFault
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync.adoptions import read_adoptions

event = meter_event.c


@dataclass(frozen=True, slots=True)
class ShadowRule:
    """Whether only those are sent that were adopted, at which meter and under whom.

    Who reads the ledger alone does not know of every part.
    """

    is_on: bool = False
    stripe_customers: Mapping[str, str] = field(default_factory=dict)
    meter: str | None = None
    livemode: bool | None = None

    def takes(self, adopted: Adoption) -> bool:
        """Say whether a cut-over was that of the meter which the settings name."""
        return (
            self.stripe_customers.get(adopted.customer) == adopted.stripe_customer
            and self.meter in {None, adopted.meter}
            and self.livemode in {None, adopted.livemode}
        )


NO_SHADOW = ShadowRule()


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


def read_shadow(connection: Connection, rule: ShadowRule) -> Shadow:
    """Return for whom nothing is sent; an adopted customer is sent all the same."""
    if not rule.is_on:
        return Shadow()
    adoptions = read_adoptions(connection).items()
    return Shadow(True, frozenset(name for name, cut in adoptions if rule.takes(cut)))


def refuse_shadow_of_senders(connection: Connection, rule: ShadowRule) -> None:
    """Refuse shadow for whom this ledger sends already; raises SettingsFault.

    Its month would stop half-way, what is uncertain would never be settled, and the
    meter would be compared with what this ledger itself has sent there.
    """
    if not rule.is_on:
        return
    query = select(event.customer).distinct()
    query = query.where(
        event.meter == rule.meter,
        event.livemode == int(bool(rule.livemode)),
        event.last_sent_at.is_not(None),
    )
    shadow = read_shadow(connection, rule)
    senders = shadow.among(list(connection.scalars(query)))
    if senders:
        what = (
            f'"shadow" is refused: this ledger has sent for {listed_names(senders)} '
            'already, without an adoption of that meter; take `send = "shadow"` out, '
            "and if nothing is to be sent, run `pamela-billing sync --hold --reason "
            "TEXT`"
        )
        raise SettingsFault("stripe.send", what)
