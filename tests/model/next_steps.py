"""The next steps: all that may happen in a state, within the bounds of the search."""

from collections.abc import Callable, Iterator

from tests.model.assumptions import Assumption, Rules
from tests.model.cancelling import cancelling, revise_down
from tests.model.sending import processes, sending, stage
from tests.model.settling import people, settle_cancel, settling, suspicions
from tests.model.state import NOBODY, Event, State, Step, Steps
from tests.model.stripe import arrivals, pass_time

MOST_EVENTS = 2
MOST_ON_THE_WIRE = 2  # of all events together
FALLS_BY = 1
REQUESTED: tuple[Callable[[Rules, State, int], Steps], ...] = (
    arrivals,
    sending,
    cancelling,
)
OF_EVENT = (*REQUESTED, settling, settle_cancel, suspicions)


def next_steps(rules: Rules, state: State) -> Iterator[Step]:
    """Yield all that may happen next.

    While a process is at work on a request, it alone goes on: what others do meanwhile
    they may do before or after as well; who takes its place is a second process.
    """
    yield from processes(state)
    yield pass_time(rules, state)
    for at, event in enumerate(state.events):
        if event.is_waited_for():
            for steps in REQUESTED:
                yield from _that_count(steps(rules, state, at), state, at)
            return
    yield from stage(rules, state, most_events=MOST_EVENTS)
    yield from revise_down(state, FALLS_BY)
    open_requests = sum(len(event.requests) for event in state.events)
    for at, event in enumerate(state.events):
        for steps in OF_EVENT:
            for step in _that_count(steps(rules, state, at), state, at):
                is_new = step.state.events[at].attempts > event.attempts
                if open_requests < MOST_ON_THE_WIRE or not is_new:
                    yield step
        yield from people(state, at)
        if not rules.holds(Assumption.COMMIT_LASTS) and event.last_sent_at is not None:
            yield Step("forget", at, state.with_event(at, _forgotten(event)))


def _that_count(steps: Steps, state: State, at: int) -> Steps:
    """Leave out what is the same as that a request is lost, or not made at all."""
    event = state.events[at]
    waited_for = event.is_waited_for()
    for step in steps:
        after = step.state.events[at]
        vanishes = len(after.requests) < len(event.requests)
        untaken = vanishes and after._replace(requests=event.requests) == event
        if waited_for or not untaken:
            yield step


def _forgotten(event: Event) -> Event:
    """Return an event as a backup holds it that was made before it was sent."""
    left = tuple(one._replace(waits=NOBODY) for one in event.requests)
    return Event(minutes=event.minutes, requests=left, copies=event.copies)
