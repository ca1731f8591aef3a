"""Sending one meter event: write the attempt down, send it, write the answer down."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from billing.domain.meter_event import (
    FailReason,
    SendAnswer,
    SendVerdict,
    SendWindow,
    may_resend,
    send_window,
)
from billing.domain.retry_schedule import delay_before_retry, tries_left
from billing.domain.settlement import REARMED_FOR
from billing.ledger.database import Hold
from billing.ledger.group_commit import BatchedWrite, PendingWrite, Writer
from billing.ledger.sync import outbox
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.sync.circuit_breaker import CircuitBreaker
from billing.pipeline.sync.monotonic_time import MonotonicClock
from billing.ports import Meter

CLOCK_WAS_SET = (
    "this machine's clock was set while events were sent, so no age is sure; "
    "set it by a time server (NTP), then run again"
)


class Retries(Protocol):
    """Sends until the answer is final or the tries are used up."""

    def __call__(
        self,
        send: Callable[[], SendAnswer],
        *,
        tries: int,
        sleep: Callable[[float], None],
    ) -> SendAnswer:
        """Return the last answer; `tries` were made before."""
        ...


class Outcome(StrEnum):
    """What became of an event in one sync."""

    SYNCED = "synced"
    REJECTED = "rejected"
    UNANSWERED = "unanswered"
    UNCERTAIN = "uncertain"
    EXPIRED = "expired"
    WAITING = "waiting"  # its time has not come, or sending has stopped
    HELD = "held"  # it would take the month's total below zero


@dataclass(slots=True)
class PendingAnswers:
    """One customer's sends: the lock they are made under, and the last answer.

    The answer that an event counts is written down in the commit of the attempt that
    follows, or when the course is settled. If it is lost, the event is sent again, and
    Stripe says that it has it.
    """

    hold: Hold
    lost: bool = False
    _last: PendingWrite[None] | None = None

    def still_held(self) -> bool:
        """Ask whether the lock is held; once lost it stays lost."""
        self.lost = self.lost or not self.hold.still_held()
        return not self.lost

    def keep(self, answer: PendingWrite[None]) -> None:
        """Remember an answer that was handed in."""
        self._last = answer

    def settle(self) -> None:
        """Return once every answer is durable; raises LedgerFault."""
        last, self._last = self._last, None
        if last is not None:
            last.wait()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the events of one sync; shared by its threads."""

    meter: Meter
    writer: Writer
    outage: CircuitBreaker
    retries: Retries
    time: MonotonicClock
    owner: str

    def send(self, event: OpenEvent, course: PendingAnswers) -> Outcome:
        """Send one event, retry it by the law, and record what came of it.

        `course` is that of its customer; settle it at the end. Raises Overtaken.
        """
        refusal = self._why_not(event)
        if refusal is not None:
            return refusal
        self._wait_out_backoff(event)
        if not self.outage.may_send():
            return Outcome.WAITING
        trial = _Trial(self, event, course)
        answer = self.retries(trial.attempt, tries=event.tries, sleep=self.time.sleep)
        return self._conclude(trial, answer)

    def _why_not(self, event: OpenEvent) -> Outcome | None:
        now = self.time.now()
        if not may_resend(event.first_unknown_at, now) or is_stale(event, now):
            return self._fail(event, FailReason.UNCERTAIN)
        window = send_window(event.event.timestamp, now)
        if window is SendWindow.TOO_LATE:
            unknown = event.first_unknown_at is not None
            return self._fail(
                event, FailReason.UNCERTAIN if unknown else FailReason.EXPIRED
            )
        if window is SendWindow.TOO_EARLY:
            return Outcome.WAITING
        if not tries_left(event.tries):
            return self._fail(event, FailReason.UNANSWERED)
        return None

    def _wait_out_backoff(self, event: OpenEvent) -> None:
        """Wait what a restart in mid-backoff still owes to the retry law."""
        if not event.tries or event.last_sent_at is None:
            return
        due = event.last_sent_at + delay_before_retry(event.tries)
        rest = due - self.time.now()
        if rest > timedelta():
            self.time.sleep(rest.total_seconds())

    def _conclude(self, trial: "_Trial", answer: SendAnswer) -> Outcome:
        customer = trial.event.event.customer
        if answer.counted:
            return Outcome.SYNCED
        if trial.stopped:
            # Whoever no longer tries is in no trouble: nobody may wait for it.
            self.outage.recovered(customer)
            return Outcome.WAITING
        if answer.verdict is SendVerdict.REFUSED:
            doubted = trial.event.first_unknown_at is not None
            return Outcome.UNCERTAIN if doubted else Outcome.REJECTED
        if answer.verdict is SendVerdict.LOCKED_OUT:
            self.outage.stop(f"the API key is refused: {answer.detail}")
            return Outcome.WAITING
        self.outage.gave_up(customer, answer.detail)
        return self._fail(trial.event, FailReason.UNANSWERED)

    def _fail(self, event: OpenEvent, reason: FailReason) -> Outcome:
        self.writer.write(
            lambda connection: outbox.move_to_failed(connection, event, reason)
        )
        return Outcome(reason.value)


class _Trial:
    """One event's attempts in one sync, each knowing what the last one left."""

    def __init__(
        self, sender: Sender, event: OpenEvent, course: PendingAnswers
    ) -> None:
        self._sender = sender
        self.event = event
        self.course = course
        self.stopped = False

    def attempt(self) -> SendAnswer:
        """Record an attempt, send, and record the answer."""
        sender, before = self._sender, self.event
        now = sender.time.now()
        if not self._is_due(before.first_unknown_at):
            self.stopped = True
            return SendAnswer(SendVerdict.UNSENT, detail="stopped before it was sent")
        key = _idempotency_key(before)
        attempt = Attempt(
            event=before, owner=sender.owner, idempotency_key=key, started_at=now
        )
        sender.writer.write(BatchedWrite(record_attempts, attempt))
        self.course.settle()
        answer = sender.meter.send(before.event, key, lambda: self._may_send(now))
        answered = Answered(before, answer, sender.time.now())
        self.course.keep(sender.writer.hand_in(BatchedWrite(record_answers, answered)))
        if not answer.counted:
            self.course.settle()
        self._learn(before, answer, now)
        self.stopped = answer.verdict is SendVerdict.UNSENT
        return answer

    def _may_send(self, written_at: datetime) -> bool:
        """Decide anew right before each send: time passes, and a lock may be lost.

        Whoever takes over counts the age from when this attempt was written down, and
        so do we. The clock is asked last, since asking for the lock may take long.
        """
        since = self.event.first_unknown_at or written_at
        return self.course.still_held() and self._is_due(since)

    def _is_due(self, unknown_since: datetime | None) -> bool:
        time, event = self._sender.time, self.event
        if time.clock_was_set():
            self._sender.outage.stop(CLOCK_WAS_SET)
        now = time.now()
        return (
            not (self._sender.outage.stopped or self.course.lost)
            and may_resend(unknown_since, now)
            and not is_stale(event, now)
            and send_window(event.event.timestamp, now) is SendWindow.OPEN
        )

    def _learn(self, before: OpenEvent, answer: SendAnswer, sent_at: datetime) -> None:
        customer, outage = before.event.customer, self._sender.outage
        unknown = answer.verdict is SendVerdict.UNKNOWN
        if answer.troubled:
            outage.trouble(customer)
        else:
            outage.recovered(customer)
        unsent = answer.verdict is SendVerdict.UNSENT
        free = unsent or answer.verdict is SendVerdict.LOCKED_OUT
        first = before.first_unknown_at
        self.event = replace(
            before,
            attempts=before.attempts + 1,
            tries=before.tries + (not free),
            first_unknown_at=(first or sent_at) if unknown else first,
            last_sent_at=before.last_sent_at if unsent else sent_at,
        )


def is_stale(event: OpenEvent, now: datetime) -> bool:
    """Say whether the proof by which an event was armed again is too old by now."""
    rearmed, sent = event.rearmed_at, event.last_sent_at
    unsent_since = rearmed is not None and (sent is None or sent <= rearmed)
    return unsent_since and rearmed is not None and now - rearmed > REARMED_FOR


def _idempotency_key(event: OpenEvent) -> str:
    """Return the identifier itself at first, and a fresh key for every resend.

    Stripe replays a stored 500 under an old key; the identifier guards against
    counting twice, whatever the key.
    """
    identifier = event.event.identifier
    return f"{identifier}:{event.attempts}" if event.attempts else identifier
