"""A follower: one event's life, as far as the model allows each step of it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from tests.model.assumptions import Assumption, Bounds, Rules
from tests.model.cancelling import (
    answer_cancel,
    attempt_cancel,
    cancelling,
    in_time,
    is_to_cancel,
)
from tests.model.sending import answer, sending
from tests.model.settling import (
    is_rejected,
    people,
    read,
    readdress,
    reject_absent,
    settle_cancel,
    settling,
    shown,
)
from tests.model.state import (
    CANCEL,
    HOLDER,
    NAMED,
    ON_THE_WIRE,
    PENDING,
    SUSPECTED,
    SYNCED,
    UNCERTAIN,
    UNKNOWN,
    ZOMBIE,
    Event,
    Reading,
    Request,
    State,
    Step,
)
from tests.model.stripe import arrivals
from tests.simulation.conform.ledger_facts import Attempted, Facts, Read, Row

MICROSECOND = timedelta(microseconds=1)


def _long(**length: int) -> int:
    return timedelta(**length) // MICROSECOND


# The bounds as they are; the product waits longer where longer lags were measured.
REAL = Bounds(
    wire=_long(hours=1),
    memory=_long(hours=24),
    lag=_long(hours=72),
    cancel_taken=_long(hours=24),
    taken=_long(days=35),
    resend=_long(hours=23),
    remembered_quiet=_long(hours=2),
    remembered_between=_long(minutes=30),
    proof_quiet=_long(hours=72),
    proof_between=_long(hours=24),
    rearmed=_long(hours=1),
    cancel=_long(hours=23),
    oldest=_long(days=34, hours=12),
    oldest_to_rearm=_long(days=34),
    tries=6,
)
Moves = Callable[[Rules, State, int], Iterator[Step]]
MOVES: tuple[Moves, ...] = (
    sending,
    settling,
    settle_cancel,
    reject_absent,
    lambda _rules, state, at: people(state, at),
    lambda _rules, state, at: readdress(state, at),
)
MOST_MOVES = 2  # of one commit
MANY = 1_000_000


class NotAllowed(Exception):
    """The model has no such step here."""


class Follower:
    """Follows one event; raises NotAllowed."""

    def __init__(self, rules: Rules, row: Row, now: int) -> None:
        self._rules = rules
        event = Event(minutes=row.minutes)
        self._state = State(now, row.timestamp, None, 0, (event,), rejections=MANY)
        self._reads: list[Read] = []
        self.steps: list[str] = []

    @property
    def event(self) -> Event:
        """The event as the model has it."""
        return self._state.events[0]

    # What is seen of Stripe

    def leaves(self, number: int, now: int) -> None:
        """Let the first byte of an attempt leave."""
        for steps in (sending, cancelling):
            for step in steps(self._rules, self._at(now), 0):
                on_the_wire = step.name in {"leave", "cancel leaves"}
                if on_the_wire and self._place(step, number) == ON_THE_WIRE:
                    self._take(step)
                    return
        raise NotAllowed(f"attempt {number} leaves")

    def arrives(self, number: int, what: str, now: int) -> None:
        """Let Stripe make something of a request."""
        request = self._request(number)
        in_time = request is not None and now - request.at <= self._rules.bounds.wire
        if in_time or not self._rules.holds(Assumption.ARRIVES_IN_TIME):
            for step in arrivals(self._rules, self._at(now), 0):
                said = step.name.partition(": ")[2]
                if said == what and self._place(step, number) != ON_THE_WIRE:
                    self._take(step)
                    return
        raise NotAllowed(f"attempt {number} arrives, and is {what}")

    def shows(self, minutes: int, now: int) -> None:
        """Let a summary show the event's own minute."""
        for seen, copies in shown(self._rules, self._at(now), self.event):
            if seen == minutes:
                event = self.event._replace(copies=copies)
                self._state = self._state.with_event(0, event)
                self._reads.append(Read(0, now, minutes))
                return
        if self._rules.holds(Assumption.MINUTE_IS_EXACT):
            raise NotAllowed(f"its minute shows {minutes}")
        # Somebody else's minutes are in it, be they as many as they may.
        self._reads.append(Read(0, now, minutes))

    # What the ledger writes down

    def commit(self, facts: Facts, now: int) -> None:
        """Let the ledger write down what came of it."""
        for answered in facts.answered:
            self._answered(answered)
        for reading in facts.readings:
            self._is_read(reading)
        self._moves(facts, now)
        for attempted in facts.attempts:
            self._attempted(attempted)
        self._state = self._at(now)
        if _standing(self.event) != _standing(facts.row):
            was = _standing(self.event)
            raise NotAllowed(f"it becomes {_standing(facts.row)}, not {was}")

    def _answered(self, answered: Attempted) -> None:
        request = self._request(answered.number)
        verdict = str(answered.verdict)
        came = request is not None and request.verdict == verdict
        is_proof = verdict in {"counted", "duplicate", "cancelled"}
        if request is None or (is_proof and not came):
            raise NotAllowed(f"attempt {answered.number} is told {verdict}")
        write = answer_cancel if answered.kind == CANCEL else answer
        event = write(self.event, request, verdict)
        if verdict == UNKNOWN and request.place == ON_THE_WIRE:
            late = request._replace(waits="nobody")
            event = event._replace(requests=(*event.requests, late))
        self._take(Step(f"told: {verdict}", 0, self._state.with_event(0, event)))

    def _is_read(self, reading: Read) -> None:
        """Demand that it was read, and no sooner than is written down."""
        seen = any(
            one.minutes == reading.minutes and self._not_before(one.at, reading.at)
            for one in self._reads
        )
        if not seen:
            raise NotAllowed(f"{reading.minutes} minutes are written down as read")
        at = self._at(self._state.now)
        step = read(at, 0, reading.minutes, self.event.copies)
        readings = (*self.event.readings, Reading(reading.at, reading.minutes))
        event = self.event._replace(readings=readings)
        self._take(Step(step.name, 0, self._state.with_event(0, event)))

    def _not_before(self, at: int, written: int) -> bool:
        return at >= written or not self._rules.holds(Assumption.CLOCK_IS_RIGHT)

    def _moves(self, facts: Facts, now: int) -> None:
        """Find the moves that lead to the row; they were decided at any time so far."""
        row, attempts = facts.row, facts.attempts
        wanted = None if attempts else _standing(row)
        is_cancel = bool(attempts) and attempts[0].kind == CANCEL
        if is_cancel or wanted == _standing(self.event):
            return
        if attempts and self.event.state == PENDING:
            return
        decided = {self._state.now, now, row.rearmed_at or now}
        for way in self._ways(sorted(decided), MOST_MOVES):
            event = way[-1].state.events[0]
            fits = _standing(event) == wanted if wanted else event.state == PENDING
            if fits:
                for step in way:
                    self._take(step)
                return
        was = _standing(self.event)
        raise NotAllowed(f"it becomes {_standing(row)}, and was {was}")

    def _ways(self, decided: Sequence[int], most: int) -> Iterator[list[Step]]:
        """Yield the ways of few moves from here, the shortest first."""
        ways: list[list[Step]] = [[Step("", 0, self._free())]]
        for _ in range(most):
            ways = [
                [*way, step]
                for way in ways
                for now in decided
                for step in self._next_moves(way[-1].state._replace(now=now))
            ]
            yield from (way[1:] for way in ways)

    def _next_moves(self, state: State) -> Iterator[Step]:
        event = state.events[0]
        if event.state == SYNCED:
            # Reports are not followed: any event may be under suspicion, and what was
            # rejected, and not received again, may be named.
            doubted = NAMED if is_rejected(self._rules, event) else SUSPECTED
            state = state.with_event(0, event._replace(suspicion=doubted))
        for moves in MOVES:
            for step in moves(self._rules, state, 0):
                if step.state.events[0].requests == event.requests:
                    yield step

    def _attempted(self, attempted: Attempted) -> None:
        now = attempted.started_at
        state = self._free()._replace(now=now)
        event = state.events[0]
        if attempted.kind == CANCEL:
            if is_to_cancel(state, event) and in_time(self._rules, state, event):
                new = attempt_cancel(event, now)
                self._take(Step("cancel attempt", 0, state.with_event(0, new)))
                return
        else:
            for step in sending(self._rules, state, 0):
                if step.name == "attempt":
                    self._take(step)
                    return
        raise NotAllowed(f"attempt {attempted.number} to {attempted.kind}")

    # The model's state

    def _free(self) -> State:
        """Return the state with another process at work: nobody sees how one ends."""
        handed = [
            one._replace(waits=ZOMBIE) if one.waits == HOLDER else one
            for one in self.event.requests
        ]
        event = self.event._replace(requests=tuple(handed))
        return self._state.with_event(0, event)

    def _at(self, now: int) -> State:
        return self._state._replace(now=now)

    def _take(self, step: Step) -> None:
        self.steps.append(step.name)
        self._state = step.state

    def _request(self, number: int) -> Request | None:
        return next((r for r in self.event.requests if r.number == number), None)

    def _place(self, step: Step, number: int) -> str | None:
        requests = step.state.events[0].requests
        return next((r.place for r in requests if r.number == number), None)


def _standing(one: Event | Row) -> tuple[object, ...]:
    """Return what model and ledger both hold of an event as it stands."""
    open_still = one.state == PENDING or one.reason in {UNCERTAIN, "unanswered"}
    if not open_still:
        return one.state, one.reason
    times = one.first_unknown_at, one.last_sent_at, one.rearmed_at
    return one.state, one.reason, one.tries, times
