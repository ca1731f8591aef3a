"""Seeds: worlds to start from, the same for the same seed and moment."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.sandbox.clock import first_of_month
from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import Call, call_that_ends, micros
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.seeds.call_generator import CallGenerator
from billing.sandbox.seeds.edge_cases import awkward_calls, broken_calls
from billing.sandbox.world import BilledCustomer

CUSTOMER_KEY = "customer"
# Each account and its customers; one customer alone needs no metadata.
ACCOUNTS = {
    "riverside": ("alder-dental", "birch-clinic", "cedar-optics", "dogwood-vets"),
    "lakeview": ("elm-couriers", "fir-plumbing", "gorse-legal"),
    "summit": ("hazel-travel",),
}
OFFICE_HOURS = 5  # a customer's calls of a day fall into so many hours, in UTC
WEEKEND_SHARE = 0.1  # of the customers' weekend days that see any calls
# Nothing happens by itself for a while, so that a demonstration can end at zero.
QUIET = timedelta(minutes=15)
# A month that is about to close has fewer: what happens to it is shown one by one.
CLOSING = ("riverside", "summit")
AHEAD = timedelta(hours=6)
CALLS_AHEAD = 60
WITHIN_HOUR = 3_300  # calls are created in the first 55 minutes of an office hour


@dataclass
class Seeded:
    """A Pamela full of calls, and the customers that they belong to."""

    pamela: PamelaState
    customers: list[BilledCustomer]


def realistic(
    seed: int, now: datetime, *, calls: int = 10_000, broken: bool = False
) -> Seeded:
    """Return last month, this month up to now, and some hours to come.

    Three accounts, eight customers and about so many calls in business hours, the
    awkward ones among them; `broken` adds some that nobody can understand.
    """
    now = now.astimezone(UTC)
    chance = random.Random(f"realistic:{seed}")
    pamela = PamelaState(seed=seed)
    days = _days(now)
    for name, customers in ACCOUNTS.items():
        shared = len(customers) > 1
        generator = CallGenerator(chance, CUSTOMER_KEY if shared else None)
        account = new_account(pamela, name, now, customers=customers)
        share = calls * len(customers) // sum(map(len, ACCOUNTS.values()))
        usual = _usual_calls(generator, customers, days, now, share=share)
        usual += _calls_ahead(generator, customers, now)
        usual += awkward_calls(generator, customers, now, QUIET)
        if broken:
            usual += broken_calls(generator, customers[0], now)
        pamela.put_calls(account, usual, now)
    return Seeded(pamela, customers_of([n for c in ACCOUNTS.values() for n in c]))


def month_end(seed: int, now: datetime, *, calls: int = 1_500) -> Seeded:
    """Return this month up to now: two accounts and five customers, no call underway.

    Nothing happens by itself after it.
    """
    now = now.astimezone(UTC)
    chance = random.Random(f"month end:{seed}")
    pamela = PamelaState(seed=seed)
    accounts = {name: ACCOUNTS[name] for name in CLOSING}
    names = [name for customers in accounts.values() for name in customers]
    days = [day for day in _days(now) if day >= first_of_month(now)]
    for name, customers in accounts.items():
        generator = CallGenerator(chance, CUSTOMER_KEY if len(customers) > 1 else None)
        account = new_account(pamela, name, now, customers=customers)
        share = calls * len(customers) // len(names)
        usual = _usual_calls(generator, customers, days, now, share=share)
        pamela.put_calls(account, usual, now)
    return Seeded(pamela, customers_of(names))


def empty(seed: int, now: datetime) -> Seeded:
    """Return one account with a key, and nothing else."""
    pamela = PamelaState(seed=seed)
    new_account(pamela, "sandbox", now)
    return Seeded(pamela, [])


def new_account(
    pamela: PamelaState, name: str, now: datetime, *, customers: tuple[str, ...] = ()
) -> Account:
    """Open an account; several customers are told apart by the calls' metadata."""
    number = pamela.seed + 1
    account = Account(
        name=name,
        partner_id=f"partner_{name}",
        project_id=None,
        api_key=f"pk_live_sandbox_{name}_{number}",
        user_token=f"user_sandbox_{name}_{number}",
        webhook_secret=f"whsec_sandbox_{name}_{number}",
        customer_key=None if len(customers) == 1 else CUSTOMER_KEY,
        default_customer=customers[0] if len(customers) == 1 else None,
    )
    return pamela.add_account(account, now)


def customers_of(names: list[str]) -> list[BilledCustomer]:
    """Return a Stripe customer for each name."""
    return [BilledCustomer(f"cus_{name.replace('-', '')}", name) for name in names]


def _days(now: datetime) -> list[datetime]:
    first = first_of_month(now, -1)
    return [first + timedelta(days=day) for day in range((now - first).days + 1)]


def _usual_calls(
    generator: CallGenerator,
    customers: tuple[str, ...],
    days: list[datetime],
    now: datetime,
    *,
    share: int,
) -> list[Call]:
    """Spread an account's calls over the office hours of its customers."""
    chance = generator.chance
    hours = [
        (customer, day + timedelta(hours=hour))
        for customer in customers
        for day in days
        for hour in _office_hours(chance, day)
    ]
    past = [(customer, hour) for customer, hour in hours if hour < now - QUIET]
    calls = []
    for customer, hour in chance.choices(past, k=share):
        created = hour + timedelta(milliseconds=chance.randrange(WITHIN_HOUR * 1000))
        document = generator.call(customer, created)
        call = call_that_ends(document)
        # What would happen while the clock stands at about now is left out.
        if call.stages[-1][0] < micros(now):
            calls.append(call)
    return calls


def _calls_ahead(
    generator: CallGenerator, customers: tuple[str, ...], now: datetime
) -> list[Call]:
    """Return calls of the hours to come."""
    chance = generator.chance
    calls = []
    for _ in range(CALLS_AHEAD * len(customers) // 8):
        wait = chance.uniform(QUIET.total_seconds(), AHEAD.total_seconds())
        created = now + timedelta(milliseconds=int(wait * 1000))
        calls.append(call_that_ends(generator.call(chance.choice(customers), created)))
    return calls


def _office_hours(chance: random.Random, day: datetime) -> range:
    if day.weekday() >= 5 and chance.random() >= WEEKEND_SHARE:
        return range(0)
    return range(14, 14 + OFFICE_HOURS)
