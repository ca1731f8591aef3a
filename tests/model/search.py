"""The search: every state that can be reached, the nearest first."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.model.assumptions import Assumption, Invariant, Rules
from tests.model.invariants import FairWeather, broken_by
from tests.model.next_steps import next_steps
from tests.model.simplified import simplified
from tests.model.state import Event, State, Step

Ways = dict[State, tuple[State, Step] | None]


class Beginning(NamedTuple):
    """How often what is rare may happen, and whether the minutes are nearly too old."""

    faults: int = 0  # a process loses its lock, and a second one takes over
    revisions: int = 0  # the usage falls
    rejections: int = 0  # Stripe takes an event and rejects it later
    is_old: bool = False


RARE = {
    Assumption.CANCELLED_IS_GONE: Beginning(revisions=1),
    Assumption.CANCEL_WORKS: Beginning(revisions=1),
    Assumption.REJECTION_IS_REPORTED: Beginning(rejections=1),
    Assumption.REPORT_IS_TRUE: Beginning(rejections=1),
    Assumption.CORRECTED_IS_NOT_REJECTED: Beginning(revisions=1, rejections=1),
}
# Where two rare turns meet, lives are looked at only so far: they come to millions.
MOST_STEPS = {Assumption.CORRECTED_IS_NOT_REJECTED: 20}


@dataclass(slots=True)
class Found:
    """What a search found: how many states there are, and how each invariant falls."""

    broken: Assumption | None
    states: int = 0
    seconds: float = 0.0
    traces: dict[Invariant, list[str]] = field(default_factory=dict)

    @property
    def most_steps(self) -> int | None:
        """How many steps of each life were looked at; None: all."""
        return MOST_STEPS.get(self.broken) if self.broken else None


def beginnings(rules: Rules) -> list[Beginning]:
    """Return where it begins: a rejection, a usage that falls, or a second process.

    Where an assumption is broken, one process and fresh minutes are looked at, and of
    what is rare only what the assumption is about: without it the search is long.
    """
    if rules.broken:
        (broken,) = rules.broken
        return [RARE.get(broken, Beginning())]
    rejected, falling = Beginning(rejections=1), Beginning(revisions=1)
    return [rejected, falling, Beginning(faults=1, is_old=True)]


def _first_state(rules: Rules, beginning: Beginning) -> State:
    old = 1 - rules.bounds.oldest_to_rearm
    return State(
        now=0,
        minute_at=old if beginning.is_old else None,
        usage=2,
        most_usage=2,
        events=(Event(minutes=2),),
        faults=beginning.faults,
        revisions=beginning.revisions,
        rejections=beginning.rejections,
    )


def search(rules: Rules, begin: Sequence[Beginning] = ()) -> Found:
    """Look at every state; one that breaks an invariant is an end."""
    started = time.monotonic()
    found = Found(next(iter(rules.broken), None))
    fair = FairWeather(rules)
    first = [_first_state(rules, each) for each in begin or beginnings(rules)]
    ways: Ways = {simplified(rules, state): None for state in first}
    coming = deque((state, 0) for state in ways)
    while coming:
        state, steps = coming.popleft()
        broken = list(broken_by(state))
        if not broken and _is_followed(rules, state) and not fair.ends(state):
            broken.append(Invariant.NOTHING_STUCK)
        for invariant in broken:
            if invariant not in found.traces:
                found.traces[invariant] = trace_to(ways, state)
        if broken or steps == found.most_steps:
            continue
        for step in next_steps(rules, state):
            after = simplified(rules, step.state)
            if after not in ways:
                ways[after] = state, step
                coming.append((after, steps + 1))
    found.states, found.seconds = len(ways), time.monotonic() - started
    return found


def _is_followed(rules: Rules, state: State) -> bool:
    """Say whether a state is followed to its end.

    Where an assumption is broken, only those are whose usage does not fall: it is long.
    """
    falls = state.revisions or state.usage != state.most_usage
    return not (rules.broken and falls)


def trace_to(ways: Ways, state: State) -> list[str]:
    """Return the steps that lead to a state."""
    steps = []
    while (way := ways[state]) is not None:
        before, step = way
        steps.append(str(step))
        state = before
    return steps[::-1]
