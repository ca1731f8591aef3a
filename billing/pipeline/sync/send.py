"""Sending one meter event: write the attempt down, send it, write the answer down."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
from billing.domain.settlement import proof_is_stale
from billing.errors import MeterRefused
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
from billing.pipeline.circuit_breaker import CircuitBreaker
from billing.pipeline.monotonic_time import MonotonicClock
from billing.pipeline.senders import Senders
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
class PendingWrites:
    """One customer's lock, and what of it is not surely durable yet.

    What its months showed, and the answer that an event counts, are written down in
    the commit of the attempt that follows, before that is sent, or when all is settled.
    If the answer is lost, the event is sent again, and Stripe says that it has it.
    """

    hold: Hold
    lost: bool = False
    _kept: list[PendingWrite[None]] = field(default_factory=list)

    def still_held(self) -> bool:
        """Ask whether the lock is held; once lost it stays lost."""
        self.lost = self.lost or not self.hold.still_held()
        return not self.lost

    def keep(self, write: PendingWrite[None]) -> None:
        """Remember what was handed in."""
        self._kept.append(write)

    def settle(self) -> None:
        """Return once all of it is durable; raises LedgerFault."""
        while self._kept:
            self._kept.pop().wait()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the events of one sync; shared by its threads."""

    meter: Meter
    writer: Writer
    breaker: CircuitBreaker
    retries: Retries
    time: MonotonicClock
    owner: str
    senders: Senders

    def send(self, event: OpenEvent, pending: PendingWrites) -> Outcome:
        """Send one event, retry it as is due, and record what came of it.

        `pending` is that of its customer; settle it at the end. Raises Overtaken, and
        MeterRefused where Stripe refuses the key.
        """
        unsendable = why_unsendable(event, self.time.now())
        if unsendable is Outcome.WAITING:
            return unsendable
        if unsendable is not None:
            return self._fail(event, unsendable)
        self._wait_out_backoff(event)
        if not self.breaker.may_send():
            return Outcome.WAITING
        latest = event

        def attempt() -> SendAnswer:
            nonlocal latest
            answer, latest = self._attempt(latest, pending)
            return answer

        answer = self.retries(attempt, tries=event.tries, sleep=self.time.sleep)
        return self._conclude(latest, answer)

    def _wait_out_backoff(self, event: OpenEvent) -> None:
        """Wait what a restart in mid-backoff, or a process before us, still owes."""
        if not event.tries or event.last_sent_at is None:
            return
        sent = event.last_sent_at
        now = self.time.now()
        # A clock that was set back leaves outcomes ahead: the wait is no longer for it.
        last_outcome = min(max(sent, event.last_answered_at or sent), now)
        rest = last_outcome + delay_before_retry(event.tries) - now
        if rest > timedelta():
            self.time.sleep(rest.total_seconds())

    def _attempt(
        self, event: OpenEvent, pending: PendingWrites
    ) -> tuple[SendAnswer, OpenEvent]:
        """Record an attempt, send, record the answer; returns it and what it leaves."""
        now = self.time.now()
        if not self._is_due(event, event.first_unknown_at, pending):
            unsent = SendAnswer(SendVerdict.UNSENT, detail="stopped before it was sent")
            return unsent, event
        key = _idempotency_key(event)
        attempt = Attempt(
            event=event, owner=self.owner, idempotency_key=key, started_at=now
        )
        self.writer.write(BatchedWrite(record_attempts, attempt))
        pending.settle()
        timed = _Timed(self.senders)
        answer = self.meter.send(
            event.event, key, lambda: timed.let(self._may_send(event, now, pending))
        )
        timed.end(answer.http_status)
        answered = Answered(event, answer, self.time.now())
        pending.keep(self.writer.hand_in(BatchedWrite(record_answers, answered)))
        if not answer.counted:
            pending.settle()
        if answer.troubled:
            self.breaker.trouble(event.event.customer)
        else:
            self.breaker.recovered(event.event.customer)
        return answer, after_answer(event, answer, now)

    def _may_send(
        self, event: OpenEvent, written_at: datetime, pending: PendingWrites
    ) -> bool:
        """Decide anew right before each send: time passes, and a lock may be lost.

        Whoever takes over counts the age from when this attempt was written down, and
        so do we. The clock is asked last, since asking for the lock may take long.
        """
        since = event.first_unknown_at or written_at
        return pending.still_held() and self._is_due(event, since, pending)

    def _is_due(
        self, event: OpenEvent, unknown_since: datetime | None, pending: PendingWrites
    ) -> bool:
        if self.time.clock_was_set():
            self.breaker.stop(CLOCK_WAS_SET)
        now = self.time.now()
        return (
            not (self.breaker.stopped or pending.lost)
            and may_resend(unknown_since, now)
            and not is_stale(event, now)
            and send_window(event.event.timestamp, now) is SendWindow.OPEN
        )

    def _conclude(self, event: OpenEvent, answer: SendAnswer) -> Outcome:
        customer = event.event.customer
        if answer.counted:
            return Outcome.SYNCED
        if answer.verdict is SendVerdict.UNSENT:
            # Whoever no longer tries is in no trouble: nobody may wait for it.
            self.breaker.recovered(customer)
            return Outcome.WAITING
        if answer.verdict is SendVerdict.REFUSED:
            perhaps_counted = event.first_unknown_at is not None
            return Outcome.UNCERTAIN if perhaps_counted else Outcome.REJECTED
        if answer.verdict is SendVerdict.LOCKED_OUT:
            raise MeterRefused(f"the API key is refused: {answer.detail}")
        self.breaker.gave_up(customer, answer.detail)
        return self._fail(event, Outcome.UNANSWERED)

    def _fail(self, event: OpenEvent, outcome: Outcome) -> Outcome:
        reason = FailReason(outcome.value)
        self.writer.write(
            lambda connection: outbox.move_to_failed(connection, event, reason)
        )
        return outcome


@dataclass(slots=True)
class _Timed:
    """The time from a request's first byte to its answer: no wait of ours is in it."""

    senders: Senders
    ended: Callable[[int | None], None] | None = None

    def let(self, may_send: bool) -> bool:  # it is passed on
        """Begin when it may be sent; return that it may."""
        if may_send:
            self.ended = self.senders.timed()
        return may_send

    def end(self, status: int | None) -> None:
        """Note when the answer was there."""
        if self.ended is not None:
            self.ended(status)


def why_unsendable(event: OpenEvent, now: datetime) -> Outcome | None:
    """Say what becomes of an event that may not be sent now; None when it may."""
    if not may_resend(event.first_unknown_at, now) or is_stale(event, now):
        return Outcome.UNCERTAIN
    window = send_window(event.event.timestamp, now)
    if window is SendWindow.TOO_LATE:
        perhaps_counted = event.first_unknown_at is not None
        return Outcome.UNCERTAIN if perhaps_counted else Outcome.EXPIRED
    if window is SendWindow.TOO_EARLY:
        return Outcome.WAITING
    return None if tries_left(event.tries) else Outcome.UNANSWERED


def after_answer(event: OpenEvent, answer: SendAnswer, sent_at: datetime) -> OpenEvent:
    """Return what is known of an event once an attempt was answered."""
    unsent = answer.verdict is SendVerdict.UNSENT
    free = unsent or answer.verdict is SendVerdict.LOCKED_OUT
    first = event.first_unknown_at
    if answer.verdict is SendVerdict.UNKNOWN:
        first = first or sent_at
    return replace(
        event,
        attempts=event.attempts + 1,
        tries=event.tries + (not free),
        first_unknown_at=first,
        last_sent_at=event.last_sent_at if unsent else sent_at,
    )


def is_stale(event: OpenEvent, now: datetime) -> bool:
    """Say whether the proof by which an event was requeued is too old by now."""
    return proof_is_stale(event.rearmed_at, event.last_sent_at, now)


def _idempotency_key(event: OpenEvent) -> str:
    """Return the identifier itself at first, and a fresh key for every resend.

    Stripe replays a stored 500 under an old key; the identifier guards against
    counting twice, whatever the key.
    """
    identifier = event.event.identifier
    return f"{identifier}:{event.attempts}" if event.attempts else identifier
