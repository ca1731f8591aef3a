"""Conformance: lives that the model accepts, and lives that it must refuse."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.cancellation import CANCEL_WINDOW
from billing.domain.meter_event import OLDEST_TIMESTAMP, RESEND_WINDOW
from billing.domain.retry_schedule import MOST_TRIES
from billing.domain.settlement import (
    BETWEEN_PROVING_READS,
    OLDEST_TO_REARM,
    REARMED_FOR,
    WHILE_REMEMBERED,
)
from billing.domain.summary_lag import UNMEASURED_LAG
from tests.model.assumptions import Rules
from tests.simulation.conform.follower import MICROSECOND, REAL, Follower, NotAllowed
from tests.simulation.conform.ledger_facts import Attempted, Facts, Read, Row
from tests.simulation.planted.sync_bugs import SYNC_BUGS
from tests.simulation.seed_run import run_seed
from tests.simulation.world.storage import Storage

SEEDS_ENOUGH = 20
HOUR = timedelta(hours=1) // MICROSECOND
MINUTES = 7


def _attempted(number: int, at: int, verdict: str | None) -> Attempted:
    return Attempted(
        id=number,
        event_id=1,
        number=number,
        kind="event",
        key="key",
        started_at=at,
        verdict=verdict,
    )


class Life:
    """An event's life, told by the hour."""

    def __init__(self) -> None:
        self.row = Row(
            id=1,
            identifier="event",
            stripe_customer="cus_1",
            timestamp=0,
            minutes=MINUTES,
            state="pending",
            reason=None,
            tries=0,
            first_unknown_at=None,
            last_sent_at=None,
            rearmed_at=None,
        )
        self.follower = Follower(Rules(REAL), self.row, 0)
        self._attempts = 0

    def commit(self, hour: float, *, facts: Facts | None = None, **row: Any) -> None:
        """Write down what the row has become."""
        self.row = self.row._replace(**row)
        facts = facts or Facts(self.row)
        facts.row = self.row
        self.follower.commit(facts, int(hour * HOUR))

    def attempt(self, hour: float, *, leaves: bool = True) -> None:
        """Write an attempt down, and let it leave."""
        self._attempts += 1
        now, first = int(hour * HOUR), self.row.first_unknown_at
        attempted = _attempted(self._attempts, now, None)
        self.commit(
            hour,
            facts=Facts(self.row, attempts=[attempted]),
            tries=self.row.tries + 1,
            first_unknown_at=now if first is None else first,
            last_sent_at=now,
        )
        if leaves:
            self.follower.leaves(self._attempts, now)

    def arrives(self, hour: float, what: str, number: int = 0) -> None:
        """Let Stripe make something of a request, of the newest at first."""
        self.follower.arrives(number or self._attempts, what, int(hour * HOUR))

    def told(self, hour: float, verdict: str, **row: Any) -> None:
        """Write down what the newest request was answered."""
        number = self._attempts
        answered = _attempted(number, 0, verdict)
        self.commit(hour, facts=Facts(self.row, answered=[answered]), **row)

    def read(self, hour: float, minutes: int, *, written: float | None = None) -> None:
        """Read its own minute, and write it down."""
        self.follower.shows(minutes, int(hour * HOUR))
        as_of = hour if written is None else written
        reading = Read(1, int(as_of * HOUR), minutes)
        self.commit(as_of, facts=Facts(self.row, readings=[reading]))

    def uncertain_from_a_lost_answer(self, taken: bool = False) -> None:
        """Be sent at hour 0, hear nothing, and be uncertain at hour 23."""
        self.attempt(0)
        if taken:
            self.arrives(0, "counted")
        self.told(0, "unknown")
        self.commit(23, state="failed", reason="uncertain")

    def rearmed(self, hour: float, *, for_good: bool = True) -> None:
        """Be requeued."""
        first = None if for_good else self.row.first_unknown_at
        self.commit(
            hour,
            state="pending",
            reason=None,
            tries=0,
            first_unknown_at=first,
            rearmed_at=int(hour * HOUR),
        )


def sent_and_counted(life: Life) -> None:
    life.attempt(0)
    life.arrives(0, "counted")
    life.told(0, "counted", state="synced")


def resent_while_it_is_remembered(life: Life) -> None:
    life.attempt(0)
    life.arrives(0, "counted")
    life.told(0, "unknown")
    life.attempt(22)
    life.arrives(22, "duplicate")
    life.told(22, "duplicate", state="synced")


def settled_by_its_value(life: Life) -> None:
    life.uncertain_from_a_lost_answer(taken=True)
    life.read(24, MINUTES)
    life.commit(24, state="synced", reason=None)


def sent_anew_after_the_proof(life: Life) -> None:
    life.uncertain_from_a_lost_answer()
    life.read(73, 0)
    life.read(97, 0)
    life.rearmed(97)
    sent_anew = life
    sent_anew.attempt(97.5)
    sent_anew.arrives(97.5, "counted")
    sent_anew.told(97.5, "counted", state="synced")


def resent_when_it_may_be_forgotten(life: Life) -> None:
    life.attempt(0)
    life.told(0, "unknown")
    life.attempt(24)


def believed_half_an_hour_of_silence(life: Life) -> None:
    life.uncertain_from_a_lost_answer()
    life.read(80, 0)
    life.read(80.5, 0)
    life.rearmed(80.5)


def believed_silence_that_came_too_soon(life: Life) -> None:
    life.uncertain_from_a_lost_answer()
    life.read(24, 0)
    life.read(71, 0)
    life.rearmed(71)


def wrote_an_old_read_down_as_a_new_one(life: Life) -> None:
    life.uncertain_from_a_lost_answer()
    life.read(24, 0, written=73)


def synced_without_an_answer(life: Life) -> None:
    life.attempt(0)
    life.commit(1, state="synced")


def told_of_what_never_came(life: Life) -> None:
    life.attempt(0)
    life.told(0, "counted", state="synced")


def counted_twice_within_a_day(life: Life) -> None:
    life.attempt(0)
    life.arrives(0, "counted")
    life.told(0, "unknown")
    life.attempt(1)
    life.arrives(1, "counted")


def left_after_another_took_over(life: Life) -> None:
    life.attempt(0, leaves=False)
    life.attempt(1)
    life.follower.leaves(1, HOUR)


def arrived_a_day_after_it_left(life: Life) -> None:
    life.attempt(0)
    life.told(0, "unknown")
    life.arrives(24, "counted")


@pytest.mark.parametrize(
    "live",
    [
        sent_and_counted,
        resent_while_it_is_remembered,
        settled_by_its_value,
        sent_anew_after_the_proof,
    ],
)
def test_the_model_accepts_what_is_right(live: Callable[[Life], None]) -> None:
    life = Life()
    live(life)
    assert life.follower.event.state == "synced"
    assert life.follower.event.counting == 1


@pytest.mark.parametrize(
    "live",
    [
        resent_when_it_may_be_forgotten,
        believed_half_an_hour_of_silence,
        believed_silence_that_came_too_soon,
        wrote_an_old_read_down_as_a_new_one,
        synced_without_an_answer,
        told_of_what_never_came,
        counted_twice_within_a_day,
        left_after_another_took_over,
        arrived_a_day_after_it_left,
    ],
)
def test_the_model_refuses_what_is_wrong(live: Callable[[Life], None]) -> None:
    with pytest.raises(NotAllowed):
        live(Life())


def test_the_bounds_of_the_model_are_those_of_the_product() -> None:
    bounds = {
        "resend": RESEND_WINDOW,
        "remembered_quiet": WHILE_REMEMBERED.after_send,
        "remembered_between": WHILE_REMEMBERED.between_reads,
        "proof_quiet": UNMEASURED_LAG,
        "proof_between": BETWEEN_PROVING_READS,
        "rearmed": REARMED_FOR,
        "cancel": CANCEL_WINDOW,
        "oldest": OLDEST_TIMESTAMP,
        "oldest_to_rearm": OLDEST_TO_REARM,
    }
    real = REAL._asdict()
    assert {name: real[name] * MICROSECOND for name in bounds} == bounds
    assert REAL.tries == MOST_TRIES


@pytest.mark.parametrize(
    "says", ["no answer is taken for a yes", "events are resent after a day"]
)
def test_a_planted_bug_is_refused_by_the_model(says: str) -> None:
    (planted,) = [one for one in SYNC_BUGS if one.says == says]
    storage = Storage()
    refused = []
    try:
        for seed in range(SEEDS_ENOUGH):
            with planted.in_place():
                result = run_seed(seed, storage, borders=False, conform=True)
            refused.append(result.invariant)
            if result.invariant == "conformance":
                break
    finally:
        storage.close()
    assert "conformance" in refused
