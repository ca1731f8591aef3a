"""The rejection: what Stripe took it throws away; it is found, fixed and sent anew."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from billing.demo.month_end.cast import NEW_STRIPE_CUSTOMER, REJECTED
from billing.demo.month_end.desk import Desk
from billing.demo.stage import DemoFailed
from billing.demo.world import World
from billing.pipeline.sync.send import Outcome
from billing.sandbox.seeds.worlds import customers_of

CODE = "meter_event_customer_not_found"
COMES_OUT_AFTER = timedelta(hours=1)
STRIPE_CUSTOMER = customers_of([REJECTED])[0].id


@dataclass(frozen=True, slots=True)
class Rejected:
    """How many events were rejected: named in a report, and found by reading."""

    named: int
    read: int

    @property
    def events(self) -> int:
        """All of them."""
        return self.named + self.read

    @property
    def good(self) -> bool:
        """Whether some were named and some were not, as it was arranged."""
        return bool(self.named and self.read)


def order_rejection(world: World) -> None:
    """Let Stripe throw away, an hour later, what it takes of a customer from now on."""
    world.reject(STRIPE_CUSTOMER, CODE, after=COMES_OUT_AFTER)


def find_rejected(desk: Desk) -> Rejected:
    """Read the error reports, and the minutes of all that they may be about."""
    cast = desk.cast
    at = cast.hour(2, 13, 50)
    named = desk.sync(at).rejected
    desk.begin(
        4,
        at,
        f"error reports of Stripe's come in: "
        f"it took events of {REJECTED}, and threw them away later ({CODE}). They name "
        f"only a sample, by which {named} events are found. So the minutes of all "
        "others of that time are read as well.",
    )
    moments = cast.hour(2, 15, 55), cast.hour(2, 16, 30)
    read = sum(desk.sync(moment).rejected for moment in moments)
    desk.go_on(
        f"Two readings later {read} more are proved to be missing, which no "
        f"sample named. All {named + read} turn from synced into failed "
        "(rejected): their minutes are on no invoice."
    )
    return Rejected(named, read)


def fix_customer(settings_file: Path, world: World) -> None:
    """Make another Stripe customer, and name it in the settings."""
    world.add_customer(NEW_STRIPE_CUSTOMER, REJECTED)
    before = settings_file.read_text(encoding="utf-8")
    after = before.replace(f'"{STRIPE_CUSTOMER}"', f'"{NEW_STRIPE_CUSTOMER}"')
    if after == before:
        raise DemoFailed(f"{settings_file} does not name {STRIPE_CUSTOMER}")
    settings_file.write_text(after, encoding="utf-8")


def send_anew(desk: Desk, rejected: Rejected) -> int:
    """Send what was rejected to the other customer; returns how many events went."""
    at = desk.cast.hour(2, 17, 5)
    sent = desk.sync(at).outcomes[Outcome.SYNCED]
    desk.begin(
        6,
        at,
        f"the settings now name another Stripe customer for "
        f"{REJECTED}, and Pamela says how long the call in quarantine was. The next "
        f"sync needs no more. It sends {sent} events: the {rejected.events} that were "
        "rejected, under new identifiers, and that call. What was rejected stays on "
        "record.",
    )
    return sent
