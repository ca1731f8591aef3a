"""The rejection: what Stripe took it throws away; it is found, fixed and sent anew."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

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


class Silent(NamedTuple):
    """How many events silence proved to be rejected, and how many went anew then."""

    read: int
    sent_anew: int


def order_rejection(world: World) -> None:
    """Let Stripe throw away, an hour later, what it takes of a customer from now on."""
    world.reject(STRIPE_CUSTOMER, CODE, after=COMES_OUT_AFTER)


def find_named(desk: Desk) -> int:
    """Read the error reports, and the minutes of all that they may be about."""
    cast = desk.cast
    at = cast.hour(2, 13, 50)
    named = desk.sync(at).rejected
    desk.begin(
        4,
        at,
        f"error reports of Stripe's come in: "
        f"it took events of {REJECTED}, and threw them away later ({CODE}). They name "
        f"only a sample, by which {named} events are found: they turn from synced into "
        "failed (rejected), and their minutes are on no invoice. The minutes of all "
        "others of that time are read as well. Some are empty, which proves nothing "
        "yet: summaries may be late by days.",
    )
    return named


def fix_customer(settings_file: Path, world: World) -> None:
    """Make another Stripe customer, and name it in the settings."""
    world.add_customer(NEW_STRIPE_CUSTOMER, REJECTED)
    before = settings_file.read_text(encoding="utf-8")
    after = before.replace(f'"{STRIPE_CUSTOMER}"', f'"{NEW_STRIPE_CUSTOMER}"')
    if after == before:
        raise DemoFailed(f"{settings_file} does not name {STRIPE_CUSTOMER}")
    settings_file.write_text(after, encoding="utf-8")


def send_anew(desk: Desk, named: int) -> int:
    """Send what was rejected to the other customer; returns how many events went."""
    at = desk.cast.hour(2, 17, 5)
    sent = desk.sync(at).outcomes[Outcome.SYNCED]
    desk.begin(
        6,
        at,
        f"the settings now name another Stripe customer for "
        f"{REJECTED}, and Pamela says how long the call in quarantine was. The next "
        f"sync needs no more. It sends {sent} events: the {named} that were "
        "rejected, under new identifiers, and that call. What was rejected stays on "
        "record.",
    )
    return sent


def find_silent(desk: Desk) -> Silent:
    """Wait until silence is proof, and what was found goes anew."""
    cast = desk.cast
    first, second = cast.hour(5, 17, 5), cast.hour(6, 17, 10)
    reports = [desk.sync(moment) for moment in (first, second)]
    read = sum(report.rejected for report in reports)
    desk.begin(
        10,
        second,
        f"three days after they were sent, and again a day later, the minutes of "
        f"{read} more events of {REJECTED} are empty. That is proof: they are rejected "
        "too, though no sample named them, and go anew to the other customer.",
    )
    sent = sum(report.outcomes[Outcome.SYNCED] for report in reports)
    return Silent(read, sent)
