"""Sending: stage, attempt, leave, the answer, and what comes of having none."""

from tests.model.assumptions import Assumption, Rules
from tests.model.state import (
    ANSWERED,
    BUSY,
    COUNTED,
    DUPLICATE,
    EVENT,
    EXPIRED,
    FAILED,
    HOLDER,
    NOBODY,
    ON_THE_WIRE,
    PENDING,
    REFUSED,
    REJECTED,
    SYNCED,
    UNANSWERED,
    UNCERTAIN,
    UNSENT,
    WRITTEN,
    ZOMBIE,
    Before,
    Event,
    Request,
    State,
    Step,
    Steps,
)


def stage(rules: Rules, state: State, *, most_events: int) -> Steps:
    """Put rows that no event carries into one, once no cancellation is open."""
    minutes = state.unstaged()
    waits = any(event.reason == "cancelling" for event in state.events)
    if not minutes or waits or len(state.events) == most_events:
        return
    rejected_unseen = any(
        event.copies and not (event.counting or event.state == FAILED)
        for event in state.events
    )
    may_be = not rules.holds(Assumption.CORRECTED_IS_NOT_REJECTED)
    if minutes < 0 and rejected_unseen and not may_be:
        return
    staged = (*state.events, Event(minutes=minutes))
    yield Step("stage", len(state.events), state._replace(events=staged))


def sending(rules: Rules, state: State, at: int) -> Steps:
    """Yield what a process may do about sending an event."""
    event = state.events[at]
    if event.state == PENDING and not event.is_waited_for():
        is_free = event.tries < rules.bounds.tries and not is_held(state, event)
        if is_free and is_due(rules, state, event, event.first_unknown_at):
            attempted = state.with_event(at, attempt(event, state.now))
            yield Step("attempt", at, attempted)
        if event.tries >= rules.bounds.tries:
            yield _fails(state, at, UNANSWERED)
    if event.state == PENDING or event.reason == UNANSWERED:
        yield from _when_too_late(rules, state, at)
    for request in event.requests:
        if request.kind == EVENT:
            yield from _requested(rules, state, at, request)


def attempt(event: Event, now: int) -> Event:
    """Write an attempt down; until it is answered, its outcome is unknown."""
    before = Before(event.tries, event.first_unknown_at, event.last_sent_at)
    number = event.attempts + 1
    request = Request(EVENT, number, WRITTEN, now, HOLDER, before)
    return event._replace(
        tries=event.tries + 1,
        attempts=number,
        first_unknown_at=now if (f := event.first_unknown_at) is None else f,
        last_sent_at=now,
        first_sent_at=now if (f := event.first_sent_at) is None else f,
        touched_at=now,
        requests=(*event.requests, request),
    )


def is_due(rules: Rules, state: State, event: Event, since: int | None) -> bool:
    """Say whether an event may leave now, of an unknown outcome since then."""
    bound = rules.bounds.oldest + 1
    return (
        rules.may_be_younger(state.now, state.minute_at, bound)
        and not _is_surely_stale(rules, state, event)
        and rules.may_be_younger(state.now, since, rules.bounds.resend)
    )


def is_held(state: State, event: Event) -> bool:
    """Say whether it would take the total below zero, as far as the ledger knows."""
    if event.minutes >= 0 or event.first_unknown_at is not None or state.usage is None:
        return False
    return state.counted_minutes() + event.minutes < 0


def rearmed_at(event: Event) -> int | None:
    """Return when it was requeued, if nothing was sent since."""
    rearmed, sent = event.rearmed_at, event.last_sent_at
    was_sent = rearmed is not None and sent is not None and sent > rearmed
    return None if was_sent else rearmed


def _is_surely_stale(rules: Rules, state: State, event: Event) -> bool:
    """Say whether the proof by which it was requeued is too old by now."""
    bound = rules.bounds.rearmed + 1
    return not rules.may_be_younger(state.now, rearmed_at(event), bound)


def _when_too_late(rules: Rules, state: State, at: int) -> Steps:
    event, bounds = state.events[at], rules.bounds
    if event.is_waited_for():
        return
    first, now = event.first_unknown_at, state.now
    is_fresh = rules.may_be_younger(now, first, bounds.resend)
    if event.reason == UNANSWERED and is_fresh:
        again = event._replace(state=PENDING, reason=None, tries=0)
        yield Step("requeue", at, state.with_event(at, again))
    is_pending = event.state == PENDING
    too_late = rules.may_be_older(now, state.minute_at, bounds.oldest + 1)
    unsafe = rules.may_be_older(now, first, bounds.resend)
    stale = rules.may_be_older(now, rearmed_at(event), bounds.rearmed + 1)
    if unsafe or (is_pending and (stale or (too_late and first is not None))):
        yield _fails(state, at, UNCERTAIN)
    if is_pending and too_late and first is None:
        yield _fails(state, at, EXPIRED)


def _requested(rules: Rules, state: State, at: int, request: Request) -> Steps:
    event, waits = state.events[at], request.waits
    if request.place == WRITTEN:
        first = request.before.first_unknown_at
        since = request.at if first is None else first
        if waits == HOLDER and is_due(rules, state, event, since):
            yield leave(state, at, request)
        unsent = answer(event, request, UNSENT)
        yield Step("unsent", at, state.with_event(at, unsent))
    elif request.place == ON_THE_WIRE and waits == HOLDER:
        yield stop_waiting(state, at, request)
    elif request.place == ANSWERED:
        if waits == HOLDER:  # a 5xx, or the answer does not come back
            lost = event.with_request(request, None)
            yield Step("unknown", at, state.with_event(at, lost))
        told = answer(event, request, str(request.verdict))
        yield Step(f"told: {request.verdict}", at, state.with_event(at, told))


def leave(state: State, at: int, request: Request) -> Step:
    """Let a request leave, once it was asked whether it may."""
    event = state.events[at]
    sent = request._replace(place=ON_THE_WIRE, at=state.now)
    name = "leave" if request.kind == EVENT else "cancel leaves"
    return Step(name, at, state.with_event(at, event.with_request(request, sent)))


def stop_waiting(state: State, at: int, request: Request) -> Step:
    """Let the holder wait no longer: the outcome is unknown."""
    event = state.events[at]
    left = event.with_request(request, request._replace(waits=NOBODY))
    name = "time out" if request.kind == EVENT else "cancel times out"
    return Step(name, at, state.with_event(at, left))


def answer(event: Event, request: Request, verdict: str) -> Event:
    """Write an answer down; an event that was moved on meanwhile is left alone."""
    event = event.with_request(request, None)
    if event.state != PENDING or event.attempts != request.number:
        return event
    if verdict in {COUNTED, DUPLICATE}:
        return event._replace(state=SYNCED, reason=None)
    if verdict == "unknown":
        return event
    before = request.before
    event = event._replace(first_unknown_at=before.first_unknown_at)
    if verdict == REFUSED:
        was_unknown = before.first_unknown_at is not None
        return event.failed(UNCERTAIN if was_unknown else REJECTED)
    if verdict == UNSENT:
        event = event._replace(last_sent_at=before.last_sent_at)
    return event._replace(tries=before.tries + (verdict == BUSY))


def processes(state: State) -> Steps:
    """Let the process at work end, or lose its lock; a second one takes over."""
    for name, by, to in (
        ("restart", HOLDER, NOBODY),
        ("second process", HOLDER, ZOMBIE),
        ("zombie ends", ZOMBIE, NOBODY),
    ):
        changed = tuple(_handed(event, by, to) for event in state.events)
        is_second = to == ZOMBIE
        if changed != state.events and (state.faults or not is_second):
            left = state.faults - is_second
            yield Step(name, 0, state._replace(events=changed, faults=left))


def _handed(event: Event, by: str, to: str) -> Event:
    """Return an event whose requests another waits for, or nobody."""
    requests = [
        request._replace(waits=to) if request.waits == by else request
        for request in event.requests
    ]
    # What never left, and what was answered, ends with who waited for it.
    kept = [r for r in requests if r.waits != NOBODY or r.place == ON_THE_WIRE]
    return event._replace(requests=tuple(kept))


def _fails(state: State, at: int, reason: str) -> Step:
    failed = state.events[at].failed(reason)
    return Step(reason, at, state.with_event(at, failed))
