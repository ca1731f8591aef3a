"""Settings in the simulation: names and keys, as the person who keeps them writes."""

from dataclasses import dataclass, field

from billing.domain.account_identity import NOBODY, SourceIdentity
from billing.domain.call_times import USUAL_TOLERANCE, TimeTolerance
from tests.simulation.weather import Weather
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.pamela import DEFAULT_CUSTOMER, SimPamela

PARTNERS = ("main", "second")
ANYTHING = TimeTolerance(10**9, 10**9, 100)


@dataclass(slots=True)
class SimSettings:
    """What the settings say, and who truly is behind each of their names."""

    accounts: dict[str, str] = field(default_factory=dict)  # a key by its label
    customers: dict[str, str] = field(default_factory=dict)  # at Stripe, by its name
    owners: dict[str, str] = field(default_factory=dict)  # the true one, by any name
    keys: dict[str, SimPamela] = field(default_factory=dict)  # whose each key is
    homes: dict[str, tuple[str, str]] = field(default_factory=dict)
    partners: dict[str, SimPamela] = field(default_factory=dict)
    default: str = DEFAULT_CUSTOMER
    times: TimeTolerance = USUAL_TOLERANCE
    was_lenient: bool = False  # an earlier version compared no times

    @classmethod
    def of(cls, weather: Weather, customers: dict[str, str]) -> "SimSettings":
        """Write the first settings of a world."""
        settings = cls(customers=customers, owners={name: name for name in customers})
        names = PARTNERS if weather.strikes(Fault.SECOND_ACCOUNT) else PARTNERS[:1]
        nameless = weather.strikes(Fault.NAMELESS)
        for name in names:
            identity = NOBODY if nameless else SourceIdentity(f"partner_{name}", None)
            key = f"key_{name}"
            pamela = SimPamela(identity, frozenset(customers))
            settings.keys[key] = settings.partners[name] = pamela
            settings.homes[name] = (name, key)
        settings.put_back()
        if weather.strikes(Fault.EARLIER_VERSION):
            settings.times, settings.was_lenient = ANYTHING, True
        return settings

    @property
    def pamelas(self) -> list[SimPamela]:
        """Return every partner once."""
        return list(self.partners.values())

    def put_back(self) -> None:
        """Write every account once, under the name and with the key it is to have."""
        self.accounts = dict(self.homes.values())

    @staticmethod
    def owner_at_stripe(stripe_customer: str) -> str:
        """Return who has this address at Stripe; each has several, by its own name."""
        return stripe_customer.removeprefix("cus_").rstrip("0")

    def clear_up(self) -> None:
        """Let every key be of whom it was, and every account stand once."""
        for name, pamela in self.partners.items():
            for key in self.keys:
                if key.startswith(f"key_{name}"):
                    self.keys[key] = pamela
        self.put_back()
        self.times = USUAL_TOLERANCE

    def exchange_keys(self) -> None:
        """Give each of two labels the other's key, as who is told that they are so."""
        (one, (label, key)), (other, (other_label, other_key)) = self.homes.items()
        self.homes |= {one: (other_label, key), other: (label, other_key)}
        self.put_back()

    def rename_customer(self, number: int) -> None:
        """Give the default customer another name; Stripe's stays."""
        before = self.default
        truth = self.owners[before]
        self.default = f"{truth}-{number}"
        self.owners[self.default] = truth
        self.customers = {
            self.default if name == before else name: stripe_customer
            for name, stripe_customer in self.customers.items()
        }

    def name_of(self, truth: str) -> str:
        """Return the present name of a customer."""
        return self.default if self.owners[self.default] == truth else truth
