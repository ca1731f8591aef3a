"""The search: every state that can be reached, the nearest first."""

import time
from collections import deque
from dataclasses import dataclass, field

from tests.model.assumptions import Assumption, Invariant, Rules
from tests.model.invariants import FairWeather, broken_by
from tests.model.next_steps import next_steps
from tests.model.simplified import simplified
from tests.model.state import Event, State, Step

Ways = dict[State, tuple[State, Step] | None]


@dataclass(slots=True)
class Found:
    """What a search found: how many states there are, and how each invariant falls."""

    broken: Assumption | None
    states: int = 0
    seconds: float = 0.0
    traces: dict[Invariant, list[str]] = field(default_factory=dict)


def first_states(rules: Rules) -> list[State]:
    """Return where it begins: minutes that are staged, fresh or nearly too old.

    Where an assumption is broken, that alone is looked at: one process, fresh minutes.
    """
    old = 1 - rules.bounds.oldest_to_rearm
    # A usage that falls, or a rejection; or a second process, early or late.
    beginnings = [(0, 1, 0, None), (0, 0, 1, None)]
    if not rules.holds(Assumption.CORRECTED_IS_NOT_REJECTED):
        beginnings = [(0, 1, 1, None)]
    elif not rules.broken:
        beginnings += [(1, 0, 0, None), (1, 0, 0, old)]
    return [
        State(
            now=0,
            minute_at=minute_at,
            usage=2,
            most_usage=2,
            events=(Event(2),),
            faults=faults,
            revisions=revisions,
            rejections=rejections,
        )
        for faults, revisions, rejections, minute_at in beginnings
    ]


def search(rules: Rules, *, liveness: bool = True) -> Found:
    """Look at every state; one that breaks an invariant is an end."""
    started = time.monotonic()
    found = Found(next(iter(rules.broken), None))
    fair = FairWeather(rules)
    ways: Ways = {simplified(rules, state): None for state in first_states(rules)}
    coming = deque(ways)
    while coming:
        state = coming.popleft()
        broken = list(broken_by(state))
        if liveness and not broken and not fair.ends(state):
            broken.append(Invariant.NOTHING_STUCK)
        for invariant in broken:
            if invariant not in found.traces:
                found.traces[invariant] = trace_to(ways, state)
        if broken:
            continue
        for step in next_steps(rules, state):
            after = simplified(rules, step.state)
            if after not in ways:
                ways[after] = state, step
                coming.append(after)
    found.states, found.seconds = len(ways), time.monotonic() - started
    return found


def trace_to(ways: Ways, state: State) -> list[str]:
    """Return the steps that lead to a state."""
    steps = []
    while (way := ways[state]) is not None:
        before, step = way
        steps.append(str(step))
        state = before
    return steps[::-1]
