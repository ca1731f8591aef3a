"""Simplified: states that differ in nothing that decides anything are one state."""

from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from tests.model.assumptions import Bounds, Rules
from tests.model.sending import rearmed_at
from tests.model.state import (
    ANSWERED,
    CANCEL,
    CANCELLING,
    COUNTED,
    FAILED,
    NOBODY,
    ON_THE_WIRE,
    PENDING,
    REJECTED,
    REPLACED,
    SYNCED,
    UNANSWERED,
    VOIDED,
    WRITTEN,
    ZOMBIE,
    Copy,
    Event,
    Reading,
    Request,
    State,
)

NEWEST = 1  # the number of the only attempt whose answer is still heard


def simplified(rules: Rules, state: State) -> State:
    """Leave out what no longer decides anything, and count time from the present.

    An age beyond the longest bound that it is compared with is as good as that bound.
    """
    may_cancel = bool(state.revisions) or state.unstaged() < 0
    clip = _Clip(rules.bounds, state.now, may_cancel, bool(state.rejections))
    minute_at = clip.at(state.minute_at, rules.bounds.taken + 1)
    events = tuple(
        _clipped(clip, event) for event in state.events if not _is_over(event)
    )
    return State(
        now=0,
        minute_at=minute_at,
        usage=state.usage,
        most_usage=state.most_usage,
        events=events,
        faults=state.faults,
        revisions=state.revisions,
        rejections=state.rejections,
    )


@lru_cache(maxsize=200_000)
def _clipped(clip: "_Clip", event: Event) -> Event:
    return clip.event(event)


def _is_over(event: Event) -> bool:
    """Say whether nothing of it can matter any more: its rows went on without it."""
    counts = any(copy.fate == COUNTED for copy in event.copies)
    return event.reason == REPLACED and not (event.requests or counts)


class _Clip(NamedTuple):
    """Shortens what is too long ago to matter."""

    bounds: Bounds
    now: int
    may_cancel: bool
    may_doubt: bool

    def at(self, at: int | None, longest: int) -> int | None:
        """Return a moment counted from the present, and no longer ago than that."""
        return None if at is None else max(at - self.now, -longest)

    def event(self, event: Event) -> Event:
        """Return an event without what decides nothing."""
        requests = self._requests(event)
        copies = tuple(map(self._copy, event.copies))
        bare = Event(minutes=event.minutes, state=event.state, reason=event.reason)
        bare = bare._replace(requests=requests, copies=copies)
        if event.state == FAILED and event.reason in {REPLACED, VOIDED, REJECTED}:
            return bare
        if event.state == PENDING and event.tries >= self.bounds.tries and not requests:
            # All that can come of it: nothing else is due.
            event, bare = event.failed(UNANSWERED), bare.failed(UNANSWERED)
        bounds, is_cancelling = self.bounds, event.reason == CANCELLING
        since = event.touched_at if is_cancelling else event.last_sent_at
        since, readings = self._readings(event, since)
        is_doubted = self.may_doubt or event.suspicion or not event.counting
        if event.state == SYNCED and not is_doubted:
            since = None
        first_sent_at = self.at(event.first_sent_at, bounds.cancel)
        may_cancel = self.may_cancel or is_cancelling
        bare = bare._replace(
            attempts=NEWEST if requests else 0,
            first_sent_at=first_sent_at if may_cancel else None,
            cancels_unknown=_known_as_one(event.cancels_unknown, requests),
            suspicion=event.suspicion if event.state == SYNCED else None,
            readings=readings,
            last_sent_at=self._sent_at(event) if is_cancelling else since,
            touched_at=since if is_cancelling else None,
        )
        if event.state == SYNCED or is_cancelling:
            return bare
        rearmed = self.at(rearmed_at(event), bounds.rearmed + 1)
        return bare._replace(
            tries=event.tries if event.state == PENDING and requests else 0,
            first_unknown_at=self.at(event.first_unknown_at, bounds.resend),
            rearmed_at=rearmed,
        )

    def _sent_at(self, event: Event) -> int | None:
        longest = self.bounds.proof_quiet + self.bounds.proof_between
        return self.at(event.last_sent_at, longest)

    def _requests(self, event: Event) -> tuple[Request, ...]:
        """Return its requests; whose answer would change nothing, nobody waits for."""
        kept = set()
        for one in event.requests:
            is_newest = one.number == event.attempts
            is_heard = is_newest and event.reason not in {REPLACED, VOIDED, REJECTED}
            if is_heard and one.waits != NOBODY:
                kept.add(self._awaited(event, one))
            elif one.place == ON_THE_WIRE:
                at = self.at(one.at, self.bounds.wire) or 0
                kept.add(Request(one.kind, 0, ON_THE_WIRE, at, NOBODY))
        return tuple(sorted(kept, key=lambda one: (one.number, one.at, one.kind)))

    def _awaited(self, event: Event, request: Request) -> Request:
        before, bounds = request.before, self.bounds
        is_written = request.place == WRITTEN
        may_leave = request.waits != ZOMBIE if is_written else request.place != ANSWERED
        longest = bounds.resend if is_written else bounds.wire
        first = self.at(before.first_unknown_at, bounds.resend)
        # What is held back counts as sent when it was written down: a longer wait.
        was_sent = is_written and before.last_sent_at is not None
        sent = self._sent_at(event) if was_sent else None
        return request._replace(
            number=NEWEST,
            at=(self.at(request.at, longest) or 0) if may_leave else 0,
            before=before._replace(first_unknown_at=first, last_sent_at=sent),
        )

    def _copy(self, copy: Copy) -> Copy:
        bounds = self.bounds
        longest = max(bounds.memory, bounds.lag, bounds.cancel_taken)
        return copy._replace(
            received_at=self.at(copy.received_at, longest) or 0,
            cancelled_at=self.at(copy.cancelled_at, bounds.lag),
        )

    def _readings(
        self, event: Event, since: int | None
    ) -> tuple[int | None, tuple[Reading, ...]]:
        """Keep of reads that agree the first that each rule counts, and the newest.

        What was read before an event was requeued is forgotten: it can only hasten the
        next proof. Where the last send was long ago, they are moved nearer: each stays
        as far from the send and from the present as any rule can tell.
        """
        longest = self.bounds.proof_quiet + self.bounds.proof_between
        is_read = event.suspicion if event.state == SYNCED else event.state == FAILED
        kept = _that_decide(event.readings, since, self.bounds) if is_read else []
        if since is None or self.now - since <= longest:
            near = (one._replace(at=one.at - self.now) for one in kept)
            return self.at(since, longest), tuple(near)
        moved = set()
        for one in kept:
            after = one.at - since
            age = min(self.now - one.at, self.bounds.proof_between)
            age = age if after >= self.bounds.proof_quiet else longest - after
            moved.add(one._replace(at=-age))
        return -longest, tuple(sorted(moved))


def _that_decide(
    readings: tuple[Reading, ...], since: int | None, bounds: Bounds
) -> list[Reading]:
    if not readings:
        return []
    newest = readings[-1]
    kept = {newest}
    agreeing = list(takewhile(lambda r: r.minutes == newest.minutes, readings[::-1]))
    for quiet in (bounds.remembered_quiet, bounds.proof_quiet):
        late = [r for r in agreeing if since is None or r.at - since >= quiet]
        kept.update(late[-1:])
    return sorted(kept)


def _known_as_one(unknown: int, requests: tuple[Request, ...]) -> int:
    """Count cancellations without an outcome as one, apart from those awaited."""
    awaited = sum(one.kind == CANCEL and one.waits != NOBODY for one in requests)
    return awaited + min(unknown - awaited, 1)
