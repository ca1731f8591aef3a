"""The whole path over real HTTP, through faults, to the same minutes in all books."""

import random

import pytest

from billing.sandbox.faults import Fault, FaultKind
from billing.sandbox.world import Sandbox
from tests.pipeline.circuit import (
    Circuit,
    by_name,
    circuit,
    counted_twice,
    ledger_minutes,
    pamela_minutes,
    seeded_sandbox,
    stripe_minutes,
)

# What strikes often can be tried again at once; the rest costs a pull or a sync.
OFTEN = (
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.ERROR_500,
    FaultKind.ERROR_500_AFTER,
    FaultKind.STORED_500,
    FaultKind.ERROR_503,
    FaultKind.RATE_LIMIT,
    FaultKind.LOCK_TIMEOUT,
)
SELDOM = (
    FaultKind.HTML,
    FaultKind.MALFORMED,
    FaultKind.UNAUTHORIZED,
    FaultKind.FORBIDDEN,
)


def weather(chance: random.Random) -> list[Fault]:
    """Choose some faults, and how hard they strike."""
    often = chance.sample(OFTEN, 4)
    seldom = chance.sample(SELDOM, 2)
    return [
        *(Fault(kind=kind, probability=chance.choice([0.02, 0.1])) for kind in often),
        *(Fault(kind=kind, probability=0.004) for kind in seldom),
    ]


def at_most_once(one: Circuit) -> None:
    """Check that Stripe never holds an event twice."""
    assert counted_twice(one.sandbox.truth()) == []


def heal(one: Circuit) -> None:
    """Lift all faults, let all calls end, and run until an hour finds no work."""
    one.sandbox.faults.replace_all([])
    one.advance(hours=10)
    for _ in range(3):
        report = one.cycle()
        at_most_once(one)
        one.advance(hours=1)
    assert report.errors == []
    assert report.sync is not None
    assert report.sync.clean
    for found in report.reconciliations:
        assert found.clean, found
        assert found.difference_minutes == 0


def all_books_agree(one: Circuit, sandbox: Sandbox) -> None:
    """Check the ledger against what both sides really hold, to the hour."""
    truth = sandbox.truth()
    ids = {customer.name: customer.id for customer in sandbox.customers()}
    held = ledger_minutes(one.ledger)
    assert by_name(held) == pamela_minutes(truth)
    named = {(ids[name], hour): minutes for (name, hour), minutes in held.items()}
    assert named == stripe_minutes(truth)
    assert len(named) > 100


@pytest.mark.parametrize("seed", range(2))
def test_through_faults_all_books_end_at_the_same_minutes(
    ledger_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    with (
        seeded_sandbox(seed, calls=250) as (url, sandbox),
        circuit(url, sandbox, ledger_url) as one,
    ):
        struck = 0
        for _ in range(4):
            sandbox.faults.replace_all(weather(chance))
            one.cycle()
            at_most_once(one)
            one.advance(hours=1)
        struck = sum(sandbox.faults.struck.values())
        heal(one)
        all_books_agree(one, sandbox)
    assert struck > 20


def test_in_good_weather_one_cycle_is_enough(ledger_url: str) -> None:
    with (
        seeded_sandbox(9, calls=250) as (url, sandbox),
        circuit(url, sandbox, ledger_url) as one,
    ):
        one.advance(hours=12)
        report = one.cycle()
        assert report.errors == []
        assert {result.error for result in report.pulls} == {None}
        one.advance(minutes=2)
        again = one.cycle()
        assert all(found.clean for found in again.reconciliations)
        assert again.sync is not None
        assert again.sync.staged == 0
        all_books_agree(one, sandbox)
