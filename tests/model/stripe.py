"""Stripe: what it may make of a request, as far as the assumptions bind it."""

from tests.model.assumptions import Assumption, Rules
from tests.model.state import (
    ANSWERED,
    BUSY,
    CANCEL,
    CANCELLED,
    COUNTED,
    DUPLICATE,
    HOLDER,
    NOBODY,
    ON_THE_WIRE,
    REFUSED,
    REJECTED,
    Copy,
    Event,
    Request,
    State,
    Step,
    Steps,
)


def arrivals(rules: Rules, state: State, at: int) -> Steps:
    """Yield what may become of the requests that are on the wire."""
    event = state.events[at]
    for request in event.requests:
        if request.place == ON_THE_WIRE:
            yield Step(
                "lost", at, state.with_event(at, event.with_request(request, None))
            )
            ways = _cancelled if request.kind == CANCEL else _received
            yield from ways(rules, state, at, request)


def _received(rules: Rules, state: State, at: int, request: Request) -> Steps:
    event, now = state.events[at], state.now
    latest = event.copies[-1] if event.copies else None
    is_known = latest is not None and now - latest.received_at < rules.bounds.memory
    yield _answered(state, at, request, REFUSED)
    if request.waits != NOBODY:
        yield _answered(state, at, request, BUSY)
        if not rules.holds(Assumption.TAKEN_IS_COUNTED):
            yield _answered(state, at, request, COUNTED)
    if state.minute_at is not None and now - state.minute_at > rules.bounds.taken:
        return
    if latest is not None:
        yield _answered(state, at, request, DUPLICATE)
    if is_known and rules.holds(Assumption.IDENTIFIER_IS_REMEMBERED):
        return
    taken = state.with_event(at, receive(event, now, COUNTED))
    yield _answered(taken, at, request, COUNTED)
    if not rules.holds(Assumption.REFUSED_IS_NOT_COUNTED):
        yield _answered(taken, at, request, REFUSED)
    if state.rejections and (
        not _is_corrected(state, event)
        or not rules.holds(Assumption.CORRECTED_IS_NOT_REJECTED)
    ):
        thrown = state.with_event(at, receive(event, now, REJECTED))
        thrown = thrown._replace(rejections=state.rejections - 1)
        yield _answered(thrown, at, request, COUNTED, "rejected later")


def _is_corrected(state: State, event: Event) -> bool:
    """Say whether a negative event takes back what this one reports."""
    less = state.unstaged() < 0 or any(one.minutes < 0 for one in state.events)
    return event.minutes > 0 and less


def receive(event: Event, now: int, fate: str) -> Event:
    """Receive an event; one that is rejected later never counts."""
    return event._replace(copies=(*event.copies, Copy(now, fate)))


def _cancelled(rules: Rules, state: State, at: int, request: Request) -> Steps:
    event, now = state.events[at], state.now
    latest = event.copies[-1] if event.copies else None
    is_taken = latest and now - latest.received_at < rules.bounds.cancel_taken
    if latest is None or not is_taken or not rules.holds(Assumption.CANCEL_WORKS):
        yield _answered(state, at, request, REFUSED)
    if latest is not None and is_taken:
        gone = state.with_event(at, cancel(event, now))
        yield _answered(gone, at, request, CANCELLED)
    if not rules.holds(Assumption.CANCELLED_IS_GONE):
        yield _answered(state, at, request, CANCELLED, "cancelled, and counts")


def cancel(event: Event, now: int) -> Event:
    """Take what was received last back; what does not count stays as it is."""
    latest = event.copies[-1]
    if latest.fate != COUNTED:
        return event
    gone = latest._replace(fate=CANCELLED, cancelled_at=now)
    return event._replace(copies=(*event.copies[:-1], gone))


def _answered(
    state: State, at: int, request: Request, verdict: str, what: str = ""
) -> Step:
    """Send an answer back to who waits for it."""
    told = request._replace(place=ANSWERED, at=state.now, verdict=verdict)
    left = None if request.waits == NOBODY else told
    event = state.events[at].with_request(request, left)
    name = "cancel arrives" if request.kind == CANCEL else "arrive"
    return Step(f"{name}: {what or verdict}", at, state.with_event(at, event))


def pass_time(rules: Rules, state: State) -> Step:
    """Let a step of time pass: who waits, waits no longer, and what is lost is lost."""
    now, events = state.now + 1, []
    for event in state.events:
        requests = [
            one._replace(waits=NOBODY)
            if one.place == ON_THE_WIRE and one.waits == HOLDER
            else one
            for one in event.requests
        ]
        kept = tuple(one for one in requests if not _is_lost(rules, one, now))
        events.append(event._replace(requests=kept))
    return Step("time passes", 0, state._replace(now=now, events=tuple(events)))


def _is_lost(rules: Rules, request: Request, now: int) -> bool:
    late = request.place == ON_THE_WIRE and now - request.at > rules.bounds.wire
    return late and rules.holds(Assumption.ARRIVES_IN_TIME)
