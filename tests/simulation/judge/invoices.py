"""Invoices: what Stripe would bill of ours is what is owed, and never more than once.

It is counted from Stripe's own books and from Pamela's calls as they truly are; of the
ledger only what it says of itself to be missing is asked.
"""

from collections import defaultdict
from dataclasses import dataclass

from tests.simulation.trace import Violation
from tests.simulation.world.pamela import SimCall
from tests.simulation.world.world import World


@dataclass(slots=True)
class Account:
    """One customer's account: what may be invoiced at least and at most."""

    least: int = 0
    most: int = 0
    invoiced: int = 0
    waits: int = 0  # minutes that the ledger names as not counted
    takes_back: int = 0  # minutes less that it names as not counted


def judge_invoices(world: World) -> None:
    """Compare what Stripe counted of ours with what is owed, customer by customer."""
    for customer, account in sorted(accounts_of(world).items()):
        if account.invoiced > account.most + account.takes_back:
            words = f"{customer} would pay {account.invoiced} minutes: it owes at most "
            raise Violation("I36", f"{words}{account.most}")
        if account.invoiced < account.least - account.waits:
            words = f"{customer} would pay {account.invoiced} minutes of "
            words += f"{account.least}, and only {account.waits} are named as missing"
            raise Violation("I36", words)
        world.trace.sometimes("an invoice is right")


def accounts_of(world: World) -> dict[str, Account]:
    """Count what every customer owes, and what Stripe has of it from us."""
    accounts: dict[str, Account] = defaultdict(Account)
    for call in [*world.present_calls(), *world.gone_calls()]:
        for customer, (least, most) in _owed(world, call).items():
            accounts[customer].least += least
            accounts[customer].most += most
    for taken in world.stripe.counting():
        accounts[world.settings.owner_at_stripe(taken.customer)].invoiced += int(
            taken.value
        )
    for customer, minutes in world.view.not_counted():
        owner = accounts[world.settings.owners[customer]]
        owner.waits += max(minutes, 0)
        owner.takes_back += max(-minutes, 0)
    if world.judge.relaxed:
        _take_in_breaks(world, accounts)
    return accounts


def _take_in_breaks(world: World, accounts: dict[str, Account]) -> None:
    """Take in what a ledger with another memory names: less always, more if it stops.

    What it forgot is an opening to it; a person is asked before anything is sent.
    """
    for customer, minutes in world.view.breaks_at_meter():
        truth = world.settings.owners[customer]
        accounts[truth].waits += max(-minutes, 0)
        if truth in world.stopped:
            accounts[truth].takes_back += max(minutes, 0)
    for customer, minutes in world.view.named_above() if world.beside else ():
        accounts[world.settings.owners[customer]].takes_back += minutes


def _owed(world: World, call: SimCall) -> dict[str, tuple[int, int]]:
    """Return what each customer owes for a call, at least and at most."""
    said = [bill for bill in call.billed if bill is not None]
    due = world.pamelas[0].due(call)
    decided = world.decider.said.get(call.id, ())
    if world.is_certain(call) and not decided:
        return {due.customer: (due.minutes, due.minutes)} if due else {}
    minutes: dict[str, list[int]] = defaultdict(list)
    for bill in said:
        minutes[bill.customer].append(bill.minutes)
    for posted in decided:
        for (customer, _), held in posted.items():
            minutes[world.settings.owners[customer]].append(held)
    return {customer: (0, max(each)) for customer, each in minutes.items()}
