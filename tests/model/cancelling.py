"""Cancelling: an event is taken back when its hour turns out to hold less."""

from tests.model.assumptions import Rules
from tests.model.sending import leave, stop_waiting
from tests.model.settling import released
from tests.model.state import (
    ANSWERED,
    CANCEL,
    CANCELLED,
    CANCELLING,
    HOLDER,
    ON_THE_WIRE,
    SYNCED,
    UNKNOWN,
    UNSENT,
    WRITTEN,
    Event,
    Request,
    State,
    Step,
    Steps,
)


def revise_down(state: State, by: int) -> Steps:
    """Let the usage of what is synced fall, as a shorter call lets it."""
    is_synced = all(event.state == SYNCED for event in state.events)
    if state.revisions and state.usage is not None and state.events and is_synced:
        usage = state.usage - by
        left = state._replace(usage=usage, revisions=state.revisions - 1)
        yield Step("revise down", 0, left)


def cancelling(rules: Rules, state: State, at: int) -> Steps:
    """Yield what a process may do about taking an event back."""
    event = state.events[at]
    is_chosen = is_to_cancel(state, event) and not event.is_waited_for()
    if is_chosen and in_time(rules, state, event):
        attempted = attempt_cancel(event, state.now)
        yield Step("cancel attempt", at, state.with_event(at, attempted))
    for request in event.requests:
        if request.kind == CANCEL:
            yield from _requested(rules, state, at, request)


def is_to_cancel(state: State, event: Event) -> bool:
    """Say whether an event is being taken back, or may be chosen for it."""
    if event.reason == CANCELLING:
        return True
    if event.state != SYNCED or event.minutes <= 0 or event.first_sent_at is None:
        return False
    if state.usage is None:
        return True
    if any(other.reason == CANCELLING for other in state.events):
        return False
    less = state.unstaged()
    covers = event.minutes + less >= 0 and event.minutes <= state.counted_minutes()
    return less < 0 and covers


def in_time(rules: Rules, state: State, event: Event) -> bool:
    """Say whether Stripe surely still takes the cancellation of an event."""
    first, bound = event.first_sent_at, rules.bounds.cancel
    return first is not None and rules.may_be_younger(state.now, first, bound)


def attempt_cancel(event: Event, now: int) -> Event:
    """Write down that an event is about to be cancelled."""
    number = event.attempts + 1
    request = Request(CANCEL, number, WRITTEN, now, HOLDER)
    return event.failed(CANCELLING)._replace(
        attempts=number,
        touched_at=now,
        cancels_unknown=event.cancels_unknown + 1,
        requests=(*event.requests, request),
    )


def _requested(rules: Rules, state: State, at: int, request: Request) -> Steps:
    event, waits = state.events[at], request.waits
    if request.place == WRITTEN:
        if waits == HOLDER and in_time(rules, state, event):
            yield leave(state, at, request)
        told = answer_cancel(event, request, UNSENT)
        yield Step("cancel unsent", at, state.with_event(at, told))
    elif request.place == ON_THE_WIRE and waits == HOLDER:
        yield stop_waiting(state, at, request)
    elif request.place == ANSWERED:
        if waits == HOLDER:
            lost = event.with_request(request, None)
            yield Step("cancel unknown", at, state.with_event(at, lost))
        told = answer_cancel(event, request, str(request.verdict))
        name = f"cancel told: {request.verdict}"
        yield Step(name, at, state.with_event(at, told))


def answer_cancel(event: Event, request: Request, verdict: str) -> Event:
    """Write down what came of a cancellation."""
    known = verdict != UNKNOWN
    event = event.with_request(request, None)
    event = event._replace(cancels_unknown=event.cancels_unknown - known)
    if event.reason != CANCELLING:
        return event
    if verdict == CANCELLED:
        return released(event)
    if event.cancels_unknown:
        return event
    return event._replace(state=SYNCED, reason=None)
