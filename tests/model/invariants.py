"""The invariants: what must hold in every state, and at the end of fair weather."""

from collections.abc import Iterator

from tests.model.assumptions import Invariant, Rules
from tests.model.next_steps import MOST_EVENTS, next_steps
from tests.model.sending import is_held
from tests.model.settling import shown
from tests.model.simplified import simplified
from tests.model.state import (
    EXPIRED,
    PENDING,
    REJECTED,
    REPLACED,
    SYNCED,
    UNCERTAIN,
    VOIDED,
    Event,
    State,
    Step,
)

# What happens in fair weather, what comes first before the rest.
FAIR = (
    "told",
    "cancel told",
    "zombie ends",
    "leave",
    "cancel leaves",
    "unsent",
    "cancel unsent",
    "arrive: duplicate",
    "arrive: counted",
    "cancel arrives",
    "arrive: refused",
    "reject",
    "requeue",
    "uncertain",
    "expired",
    "settle",
    "cancel attempt",
    "read",
    "stage",
    "attempt",
    "unanswered",
    "report",
    "suspect",
    "time passes",
)
TOLD = {REJECTED, EXPIRED, VOIDED}


def broken_by(state: State) -> Iterator[Invariant]:
    """Yield the invariants that a state breaks."""
    twice = any(event.counting > 1 for event in state.events)
    if twice or state.total() > state.most_usage:
        yield Invariant.NEVER_COUNTED_TWICE
    if any(event.state == SYNCED and not _is_true(event) for event in state.events):
        yield Invariant.SYNCED_MEANS_COUNTED
    if state.total() < 0:
        yield Invariant.NEVER_BELOW_ZERO


def _is_true(event: Event) -> bool:
    return bool(event.counting) or any(c.fate == REJECTED for c in event.copies)


class FairWeather:
    """Lets states come to their end without faults, and remembers which do."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._ends: dict[State, bool] = {}

    def ends(self, state: State) -> bool:
        """Say whether all comes to an end, or to a person, from here on."""
        way, seen = [], set[State]()
        state = self._calm(state)
        while state not in self._ends:
            way.append(state)
            seen.add(state)
            if is_done(self._rules, state) or any(broken_by(state)):
                self._ends[state] = True
                break
            step = self._fair_step(state)
            after = self._calm(step.state) if step else state
            if after in seen:
                self._ends[state] = False
                break
            state = after
        end = self._ends[state]
        self._ends.update(dict.fromkeys(way, end))
        return end

    def _calm(self, state: State) -> State:
        calm = state._replace(faults=0, revisions=0, rejections=0)
        return simplified(self._rules, calm)

    def _fair_step(self, state: State) -> Step | None:
        coming = next_steps(self._rules, state)
        steps = [step for step in coming if self._is_fair(state, step)]
        for name in FAIR:
            for step in steps:
                if step.name.startswith(name):
                    return step
        return None

    def _is_fair(self, state: State, step: Step) -> bool:
        """Read once at a time, and what a summary that does not lag shows."""
        if not step.name.startswith("read"):
            return True
        event = state.events[step.event]
        last = step.state.events[step.event].readings[-1]
        read_now = any(one.at == state.now for one in event.readings)
        wanted = event.minutes * event.counting
        possible = {minutes for minutes, _ in shown(self._rules, state, event)}
        return not read_now and (last.minutes == wanted or wanted not in possible)


def is_done(rules: Rules, state: State) -> bool:
    """Say whether nothing is left to do but by a person, who is told of it."""
    carried = not state.unstaged() or len(state.events) == MOST_EVENTS
    return carried and all(_is_done(rules, state, event) for event in state.events)


def _is_done(rules: Rules, state: State, event: Event) -> bool:
    if event.requests:
        return False
    if event.state == SYNCED:
        return bool(event.counting)
    if event.reason == UNCERTAIN:
        at, oldest = state.minute_at, rules.bounds.oldest_to_rearm
        return at is not None and state.now - at > oldest
    is_waiting = event.state == PENDING and is_held(state, event)
    return event.reason in TOLD or event.reason == REPLACED or is_waiting
