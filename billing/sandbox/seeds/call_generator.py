"""Plausible calls: who calls whom about what, how long it takes, how it ends."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.sandbox.pamela.call import BLANK, Document, billed_minutes, written

ERRANDS = (
    ("confirm tomorrow's appointment", "The appointment was confirmed."),
    ("move the booking to next week", "The booking was moved."),
    ("ask for the opening hours", "The opening hours were given."),
    ("order a refill", "The refill was ordered."),
    ("check on a delivery", "The delivery arrives in the afternoon."),
    ("ask for a quote", "A quote will be sent."),
)
ANSWERS = (
    "Sure, give me a moment. Yes, that works for us.",
    "Let me look that up. All right, it is noted.",
    "We can do that. You can reach us on +15550100 if anything changes.",
    "Thank you for calling, that is all settled.",
)
# How calls end, and how many of a hundred; the first three were answered.
OUTCOMES = {
    "completed": 80,
    "failed": 2,
    "cancelled": 1,
    "failed unanswered": 10,
    "cancelled unanswered": 7,
}
SHORT_CALLS = (0, 60, 61)
SHORT_SHARE = 0.03
LONGEST_SECONDS = 3600


@dataclass
class CallGenerator:
    """Writes the calls of one account; the same seed writes the same calls."""

    chance: random.Random
    customer_key: str | None = None

    def seconds(self) -> int:
        """Return how long somebody talks: mostly a minute or three, seldom long."""
        if self.chance.random() < SHORT_SHARE:
            return self.chance.choice(SHORT_CALLS)
        return min(int(self.chance.lognormvariate(4.6, 0.8)), LONGEST_SECONDS)

    def call(self, customer: str, created: datetime) -> Document:
        """Return a call as it will look once it is over, with an outcome by chance."""
        outcome = self.chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        status, _, unanswered = outcome.partition(" ")
        if unanswered:
            return self.unanswered(customer, created, status)
        started = created + timedelta(milliseconds=self.chance.randint(2_500, 25_000))
        return self.answered(customer, created, started, self.seconds(), status=status)

    def answered(
        self,
        customer: str,
        created: datetime,
        started: datetime,
        seconds: int,
        *,
        status: str = "completed",
    ) -> Document:
        """Return a call that was connected."""
        errand, summary = self.chance.choice(ERRANDS)
        talk: Document = {
            "transcript": f"Agent: Hello, this is Pamela. I am calling to {errand}.\n"
            f"Callee: {self.chance.choice(ANSWERS)}",
            "summary": summary,
        }
        ended = started + timedelta(seconds=seconds)
        return self._call(customer, created, ended, status) | {
            **(talk if seconds else {}),
            **duration_fields(started, seconds),
        }

    def unanswered(self, customer: str, created: datetime, status: str) -> Document:
        """Return a call that failed or was cancelled before anybody answered."""
        ended = created + timedelta(milliseconds=self.chance.randint(3_000, 45_000))
        return self._call(customer, created, ended, status)

    def _call(
        self, customer: str, created: datetime, ended: datetime, status: str
    ) -> Document:
        number = self.chance.getrandbits(64)
        named: Document = {self.customer_key: customer} if self.customer_key else {}
        return BLANK | {
            "id": f"call_{number:016x}",
            "status": status,
            "call_session_id": f"cs_{number:016x}",
            "conversation_id": f"conv_{number:016x}",
            "created_at": written(created),
            "ended_at": written(ended),
            "metadata": named,
        }


def duration_fields(started: datetime, seconds: int) -> Document:
    """Return the fields that follow from a start and a duration."""
    return {
        "started_at": written(started),
        "duration_seconds": seconds,
        "billed_minutes": billed_minutes(seconds),
        "ended_at": written(started + timedelta(seconds=seconds)),
    }
