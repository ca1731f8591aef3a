"""Checks: what could be wrong with the way in and the way out, and the remedy."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.errors import WHOLE_METER, BillingError, MeterFault, SourceFault
from billing.pipeline.sync.preflight import find_flaws
from billing.ports import Clock, Meter

SKEW_WORTH_A_WORD = timedelta(seconds=60)
# Stripe takes timestamps up to five minutes ahead; beyond it hours would be misplaced.
SKEW_TOO_LARGE = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; without a remedy, nothing has to be done."""

    name: str
    passed: bool
    found: str
    remedy: str = ""

    @property
    def mark(self) -> str:
        """A tick, a cross, or a mark for what is worth a word."""
        if not self.passed:
            return "✗"
        return "!" if self.remedy else "✓"


def failed(name: str, fault: BillingError, remedy: str) -> Check:
    """Return the check that a fault has ended."""
    return Check(name, False, str(fault), remedy)


def check_source(
    account: str, server_time: Callable[[], datetime | None], clock: Clock
) -> Iterator[Check]:
    """Ask one account of Pamela for anything, and compare its clock with ours."""
    name = f"account {account}"
    try:
        theirs = server_time()
    except SourceFault as fault:
        remedy = f"check api_key and base_url of the account {account}"
        yield failed(name, fault, f"{remedy}, and the network")
        return
    yield Check(name, True, "the key is accepted")
    yield check_clock_skew(account, theirs, clock.now())


def check_clock_skew(account: str, theirs: datetime | None, ours: datetime) -> Check:
    """Compare a server's time with ours; a small difference is only worth a word."""
    name = f"clock, against {account}"
    if theirs is None:
        return Check(name, True, "the server does not say what time it is")
    skew = abs(ours - theirs)
    found = f"{skew // timedelta(seconds=1)} s apart"
    if skew <= SKEW_WORTH_A_WORD:
        return Check(name, True, found)
    remedy = "set this machine's clock by a time server (NTP)"
    return Check(name, skew <= SKEW_TOO_LARGE, found, remedy)


def check_meter_setup(meter: Meter, *, livemode: bool) -> Iterator[Check]:
    """Look at Stripe's key, its mode and the meter; sending needs all of it."""
    mode = "live" if livemode else "test"
    try:
        state = meter.describe()
    except MeterFault as fault:
        remedy = "check [stripe] api_key, its permissions, and the network"
        yield failed("Stripe", fault, remedy)
        return
    yield Check("Stripe", True, f"the key is accepted, in {mode} mode")
    name = f"meter {meter.event_name}"
    flaws = find_flaws(state, meter.event_name, livemode)
    for flaw in flaws:
        yield Check(name, False, flaw.what, flaw.remedy)
    if not flaws:
        yield Check(name, True, "active, sums, no pre-aggregation, the payload's keys")


def check_customers(meter: Meter, customers: Mapping[str, str]) -> Iterator[Check]:
    """Look for each customer at Stripe, which would take minutes of unknown ones."""
    for name, stripe_customer in customers.items():
        what = f"customer {name}"
        remedy = f"mend stripe_customer of {name} in the settings"
        try:
            exists = meter.has_customer(stripe_customer)
        except MeterFault as fault:
            yield failed(what, fault, remedy)
            if isinstance(fault, WHOLE_METER):
                return
            continue
        found = f"{stripe_customer} is {'there' if exists else 'not there'}"
        yield Check(what, exists, found, "" if exists else remedy)
