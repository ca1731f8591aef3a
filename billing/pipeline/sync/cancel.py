"""Cancel: an hour that holds less than was reported takes its event back, in time."""

from collections.abc import Sequence
from datetime import datetime

from billing.domain.cancellation import choose_to_cancel, may_cancel
from billing.domain.meter_event import FailReason, SendVerdict
from billing.domain.period import BillingPeriod
from billing.domain.settlement import SettleVerdict, proof_of_absence, settle_cancel
from billing.errors import MeterRefused
from billing.ledger.sync import outbox, settlement, staging
from billing.ledger.sync.attempts import CANCEL, Answered, Attempt
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.sync.context import SyncContext
from billing.pipeline.sync.settle import read_own_minute


def cancel_what_is_too_much(
    context: SyncContext, events: Sequence[OpenEvent]
) -> frozenset[datetime]:
    """Cancel events of hours that lose minutes; returns the hours that must wait.

    What an event leaves is staged anew. Where Stripe refuses a cancellation, or where
    its day is over, the difference goes as an event of its own.
    """
    waiting = {
        uncertain.event.hour
        for uncertain in events
        if uncertain.reason is FailReason.CANCELLING and not _resume(context, uncertain)
    }
    with context.ledger.reading() as connection:
        if not staging.takes_minutes_back(connection, context.to.customer):
            return frozenset(waiting)  # as it mostly is: a first sync reads millions
        places = staging.unstaged_places(connection, context.to, context.actor.at)
    for place, rows in places.items():
        minutes = sum(row.minutes for row in rows)
        if minutes < 0 and place.hour not in waiting:
            chosen = _choose(context, place.hour, minutes)
            if chosen is not None and not _cancel(context, chosen):
                waiting.add(place.hour)
    return frozenset(waiting)


def _choose(context: SyncContext, hour: datetime, minutes: int) -> OpenEvent | None:
    with context.ledger.reading() as connection:
        synced = settlement.synced_in_hour(connection, context.to, hour)
        if not synced:
            return None
        counted = settlement.counted_minutes(
            connection, BillingPeriod.of(hour), context.to.stripe_customer
        )
        chosen = choose_to_cancel(minutes, synced, counted, context.actor.at)
        return chosen and outbox.event_numbered(connection, chosen.id)


def _resume(context: SyncContext, uncertain: OpenEvent) -> bool:
    """Ask again while Stripe takes it; then read. True when it is decided."""
    if _in_time(context, uncertain):
        return _cancel(context, uncertain)
    readings = read_own_minute(context, uncertain)
    if readings is None:
        return False
    with context.ledger.reading() as connection:
        touched = settlement.last_touched_at(connection, uncertain.id)
    # What it leaves is staged anew, under another name.
    rule = proof_of_absence(context.lags(), context.actor.at)
    verdict = settle_cancel(uncertain.event.minutes, readings, touched, rule)
    if verdict not in {SettleVerdict.ABSENT, SettleVerdict.COUNTED}:
        return False
    gone, actor = verdict is SettleVerdict.ABSENT, context.actor
    context.sender.writer.write(
        lambda connection: settlement.record_cancel_read(
            connection, actor, uncertain, gone=gone
        )
    )
    return True


def _cancel(context: SyncContext, taken: OpenEvent) -> bool:
    """Ask once; True when it is decided, and the hour may be staged.

    Raises MeterRefused where Stripe refuses the key.
    """
    sender = context.sender
    if not sender.breaker.may_send():
        return False
    key = f"{taken.event.identifier}:{taken.attempts}"
    attempt = Attempt(
        event=taken,
        owner=sender.owner,
        idempotency_key=key,
        started_at=sender.time.now(),
        kind=CANCEL,
    )
    sender.writer.write(
        lambda connection: settlement.record_cancel_attempt(connection, attempt)
    )
    answer = sender.meter.cancel(taken.event, key, lambda: _may_send(context, taken))
    actor = context.actor
    answered = Answered(taken, answer, actor.at)
    decided = sender.writer.write(
        lambda connection: settlement.record_cancel_answer(connection, actor, answered)
    )
    if answer.verdict is SendVerdict.LOCKED_OUT:
        raise MeterRefused(f"the API key is refused: {answer.detail}")
    return decided


def _may_send(context: SyncContext, taken: OpenEvent) -> bool:
    return (
        not context.sender.breaker.stopped
        and _in_time(context, taken)
        and context.hold.still_held()
    )


def _in_time(context: SyncContext, taken: OpenEvent) -> bool:
    with context.ledger.reading() as connection:
        first = settlement.first_sent_at(connection, taken.id)
    return first is not None and may_cancel(first, context.sender.time.now())
