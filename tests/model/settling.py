"""Settling: what reads of the own minute decide, and what people do about the rest."""

from tests.model.assumptions import Assumption, Rules
from tests.model.state import (
    CANCELLED,
    CANCELLING,
    EVENT,
    EXPIRED,
    FAILED,
    NAMED,
    PENDING,
    REJECTED,
    REPLACED,
    SUSPECTED,
    SYNCED,
    UNANSWERED,
    UNCERTAIN,
    VOIDED,
    Copy,
    Event,
    Reading,
    State,
    Step,
    Steps,
)

VOIDABLE = {REJECTED, UNCERTAIN, EXPIRED, UNANSWERED}


def settling(rules: Rules, state: State, at: int) -> Steps:
    """Yield what a process may do about an event that it has to read."""
    event = state.events[at]
    if event.reason in {UNCERTAIN, CANCELLING} or (
        event.state == SYNCED and event.suspicion
    ):
        for minutes, copies in shown(rules, state, event):
            yield read(state, at, minutes, copies)
    if event.reason == UNCERTAIN:
        yield from _settle(rules, state, at)
    if event.state == SYNCED and event.suspicion and event.readings:
        is_named = event.suspicion == NAMED and not event.readings[-1].minutes
        if is_named or _is_absent(event, event.last_sent_at, _proof(rules)):
            yield _becomes(state, at, "reject", event.failed(REJECTED))


def read(state: State, at: int, minutes: int, copies: tuple[Copy, ...]) -> Step:
    """Read the own minute of an event."""
    event = state.events[at]
    readings = (*event.readings, Reading(state.now, minutes))
    new = event._replace(readings=readings, copies=copies)
    return _becomes(state, at, f"read {minutes}", new)


def shown(
    rules: Rules, state: State, event: Event
) -> list[tuple[int, tuple[Copy, ...]]]:
    """Return what a summary may show of an event, and what it has shown by that."""
    ways: list[tuple[int, tuple[Copy, ...]]] = [(0, ())]
    for copy in event.copies:
        seen, unseen = _shown_of(rules, state.now, copy)
        told = [(event.minutes, copy._replace(shown=True))] if seen else []
        told += [(0, copy)] if unseen else []
        ways = [(m + n, (*cs, c)) for m, cs in ways for n, c in told]
    if not rules.holds(Assumption.MINUTE_IS_EXACT):
        ways += [(m, event.copies) for m in (0, event.minutes)]
    return ways


def _shown_of(rules: Rules, now: int, copy: Copy) -> tuple[bool, bool]:
    """Say whether a summary may show what was received, and whether it may not."""
    in_time, lag = rules.holds(Assumption.SHOWN_IN_TIME), rules.bounds.lag
    if copy.fate == REJECTED:
        return False, True
    if copy.fate == CANCELLED:
        changed = copy.received_at if copy.cancelled_at is None else copy.cancelled_at
        return now - changed < lag or not in_time, True
    may_lag = not copy.shown and (now - copy.received_at < lag or not in_time)
    return True, may_lag or not rules.holds(Assumption.STAYS_SHOWN)


def _settle(rules: Rules, state: State, at: int) -> Steps:
    event, now, bounds = state.events[at], state.now, rules.bounds
    if not event.readings:
        return
    newest = event.readings[-1].minutes
    if _counts(event, newest):
        counted = event._replace(state=SYNCED, reason=None)
        yield _becomes(state, at, "settle: counted", counted)
    is_proved = _is_absent(event, event.last_sent_at, _proof(rules))
    if is_proved and rules.may_be_older(now, state.minute_at, bounds.oldest_to_rearm):
        yield _becomes(state, at, "settle: absent, expired", event.failed(EXPIRED))
    if not rules.may_be_younger(now, state.minute_at, bounds.oldest_to_rearm):
        return
    first = event.first_unknown_at
    again = event._replace(state=PENDING, reason=None, tries=0, rearmed_at=now)
    quiet = bounds.remembered_quiet, bounds.remembered_between
    is_known = first is not None and rules.may_be_younger(now, first, bounds.resend)
    if is_known and _is_absent(event, event.last_sent_at, quiet):
        yield _becomes(state, at, "settle: absent, rearmed", again)
    may_be_forgotten = first is None or rules.may_be_older(now, first, bounds.resend)
    if may_be_forgotten and is_proved:
        again = again._replace(first_unknown_at=None)
        yield _becomes(state, at, "settle: absent, rearmed for good", again)


def reject_absent(rules: Rules, state: State, at: int) -> Steps:
    """Reject what is absent in a closed month: it is carried into another."""
    event = state.events[at]
    is_proved = _is_absent(event, event.last_sent_at, _proof(rules))
    if event.reason == UNCERTAIN and is_proved:
        yield _becomes(state, at, "settle: absent, closed", event.failed(REJECTED))


def settle_cancel(rules: Rules, state: State, at: int) -> Steps:
    """Decide a cancellation without an answer: either answer has to be firm."""
    event = state.events[at]
    if event.reason != CANCELLING or not event.readings:
        return
    if not is_firm(event.readings, event.touched_at, _proof(rules)):
        return
    newest = event.readings[-1].minutes
    if not newest:
        yield _becomes(state, at, "settle: cancelled", released(event))
    elif newest == event.minutes:
        counted = event._replace(state=SYNCED, reason=None)
        yield _becomes(state, at, "settle: not cancelled", counted)


def released(event: Event) -> Event:
    """Take the rows from an event that certainly does not count."""
    return event.failed(REPLACED)


def people(state: State, at: int) -> Steps:
    """Yield what a person may do about an event that failed."""
    event = state.events[at]
    if event.state == FAILED and event.reason == REJECTED:
        yield _becomes(state, at, "retry", released(event))
    is_held = event.state == PENDING and event.minutes < 0
    may_be_held = is_held and event.first_unknown_at is None
    has_failed = event.state == FAILED and event.reason in VOIDABLE
    if has_failed or (may_be_held and not event.is_waited_for()):
        yield _becomes(state, at, "void", event.failed(VOIDED))


def readdress(state: State, at: int) -> Steps:
    """Free the rows of what was never sent, or refused, for another Stripe customer."""
    event = state.events[at]
    untried = event.state == PENDING and event.last_sent_at is None
    if untried and not event.is_waited_for():
        yield _becomes(state, at, "readdress", released(event))


def suspicions(rules: Rules, state: State, at: int) -> Steps:
    """Let an error report name an event, or others of its window."""
    event = state.events[at]
    if event.state != SYNCED or event.suspicion == NAMED or event.last_sent_at is None:
        return
    told = is_rejected(rules, event) and rules.holds(Assumption.REJECTION_IS_REPORTED)
    if told or not rules.holds(Assumption.REPORT_IS_TRUE):
        yield _becomes(state, at, "report", event._replace(suspicion=NAMED))
    rejected = any(copy.fate == REJECTED for copy in event.copies)
    if event.suspicion is None and (rejected or state.rejections):
        # Its hour is short, or a report names others of its window.
        left = state._replace(rejections=state.rejections - (not rejected))
        yield _becomes(left, at, "suspect", event._replace(suspicion=SUSPECTED))


def is_rejected(rules: Rules, event: Event) -> bool:
    """Say whether an error report, should it name an event, is of its last send.

    What left again when Stripe may have forgotten the identifier may count: of that the
    report says nothing.
    """
    rejected_at = [one.received_at for one in event.copies if one.fate == REJECTED]
    if not rejected_at or event.counting:
        return False
    forgotten_at = rejected_at[-1] + rules.bounds.resend
    return all(one.at < forgotten_at for one in event.requests if one.kind == EVENT)


def is_firm(
    readings: tuple[Reading, ...], since: int | None, rule: tuple[int, int]
) -> bool:
    """Say whether the newest value has stood for long enough, long enough after."""
    quiet, between = rule
    newest = readings[-1]
    for one in reversed(readings):
        if one.minutes != newest.minutes:
            return False
        if since is not None and one.at - since < quiet:
            return False
        if newest.at - one.at >= between:
            return True
    return False


def _is_absent(event: Event, since: int | None, rule: tuple[int, int]) -> bool:
    is_empty = bool(event.readings) and not event.readings[-1].minutes
    return is_empty and is_firm(event.readings, since, rule)


def _counts(event: Event, shown_minutes: int) -> bool:
    times, rest = divmod(shown_minutes, event.minutes)
    was_sent_again = event.attempts > 1 or event.rearmed_at is not None
    return not rest and (times == 1 or (times > 1 and was_sent_again))


def _proof(rules: Rules) -> tuple[int, int]:
    return rules.bounds.proof_quiet, rules.bounds.proof_between


def _becomes(state: State, at: int, name: str, event: Event) -> Step:
    return Step(name, at, state.with_event(at, event))
