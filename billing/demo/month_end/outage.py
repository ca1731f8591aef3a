"""The outage: answers are lost, 20 hours pass, and no minute is counted twice."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from billing.demo.month_end.cast import CUSTOMERS, REJECTED, Document
from billing.demo.month_end.desk import Desk, day
from billing.demo.world import World
from billing.pipeline.concurrency import SERIAL, Progress, no_progress
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import SyncReport, sync_meter

SEND = "stripe.meter_events.create"
DOWN = {"kind": "error_503", "endpoint": SEND}
MUTE = {"kind": "drop_after", "endpoint": SEND}
THROUGH, TAKEN = 3, 2  # events before it goes mute, and those that it still counts
TRIED_AGAIN_AFTER = timedelta(hours=10)
LASTS = timedelta(hours=20)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Survived:
    """What became of the events of an outage that got no answer."""

    uncertain: int
    counted: int
    absent: int

    @property
    def good(self) -> bool:
        """Whether there were events of both kinds, and none is left."""
        return 0 < self.counted < self.uncertain == self.counted + self.absent


@dataclass(frozen=True, slots=True)
class MovedClock:
    """The sandbox's clock, which is moved on instead of being waited for."""

    world: World

    def now(self) -> datetime:
        """Return what the clock says."""
        return self.world.now()

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.world.advance(timedelta(seconds=ceil(seconds)))

    def elapsed(self) -> timedelta:
        """Count by the clock itself: whatever it is moved by is time spent."""
        return self.now() - EPOCH


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Events with an uncertain outcome, and the call that has the worst of it."""

    events: int
    call: str


def lose_answers(desk: Desk) -> Uncertain:
    """Let Stripe go down in the middle of a sync."""
    start = desk.cast.hour(1, 6, 5)
    desk.move_to(start)
    calls = {customer: _morning(desk, customer) for customer in CUSTOMERS}
    for customer, shown in calls.items():
        desk.cast.show(customer, *shown)
    desk.pull()
    lost = _sync_at_once(desk, _goes_down(desk))
    uncertain = lost.outcomes[Outcome.UNANSWERED]
    desk.begin(
        3,
        start,
        f"in the middle of a sync Stripe goes down for 20 "
        f"hours. {lost.outcomes[Outcome.SYNCED]} events are through. {uncertain} were "
        f"sent six times (after 1, 2, 4, 8, 16 s) and got no answer: {TAKEN} of them "
        "Stripe did count, but nobody here can know. "
        f"{lost.outcomes[Outcome.WAITING]} more were not sent at all.",
    )
    desk.move_to(start + TRIED_AGAIN_AFTER)
    again = _sync_at_once(desk, no_progress)
    desk.go_on(
        f"Ten hours later {again.outcomes[Outcome.UNANSWERED]} are sent again under "
        "the same identifiers, which Stripe refuses to count twice for a day. "
        "There is still no answer."
    )
    return Uncertain(uncertain, str(calls[REJECTED][0]["id"]))


def settle_uncertain(desk: Desk, uncertain: int) -> Survived:
    """Let Stripe come back, and send again what got no answer."""
    desk.world.trouble([])
    back = desk.cast.hour(1, 6, 5) + LASTS
    report = desk.sync(back)
    absent = uncertain - TAKEN
    desk.go_on(
        f"{day(back)} {back:%H:%M}: Stripe is back. What got no answer is younger than "
        "23 hours, so it is sent again under the same identifiers. Stripe refuses "
        f"{TAKEN} of them, which it had counted: that refusal is the proof. The other "
        f"{absent} it had not. {report.outcomes[Outcome.SYNCED]} events are synced, "
        "those that waited among them. What gets older is read instead of sent."
    )
    return Survived(uncertain, TAKEN, absent)


def _morning(desk: Desk, customer: str) -> list[Document]:
    """Return a call of the month that comes late, and some of the next morning."""
    cast = desk.cast
    hours = range(6) if customer == REJECTED else range(1, 4)
    moments = [cast.hour(0, 21, 17), *(cast.hour(1, hour, 20) for hour in hours)]
    return [cast.talk(customer, moment, cast.seconds()) for moment in moments]


def _sync_at_once(desk: Desk, progress: Progress) -> SyncReport:
    """Sync one customer after another, and wait by moving the clock."""
    app = desk.app
    terms = replace(
        app.sync_options(), clock=MovedClock(desk.world), concurrency=SERIAL
    )
    return sync_meter(app.ledger, app.meter, terms, progress=progress)


def _goes_down(desk: Desk) -> Progress:
    def watch(done: int, _total: int) -> None:
        if done == THROUGH:
            desk.world.trouble([MUTE])
        elif done == THROUGH + TAKEN:
            desk.world.trouble([DOWN])

    return watch
