"""The ending: when all faults are over, the three books are one."""

from collections import defaultdict
from datetime import timedelta

from billing.domain.period import BillingPeriod
from tests.simulation.judge.doubles import judge_doubles, unnamed_doubles
from tests.simulation.judge.holds import is_held_by_person, judge_holds_told
from tests.simulation.judge.identities import judge_unread
from tests.simulation.judge.invoices import judge_invoices
from tests.simulation.judge.ledger_view import EventRow, Posted, as_posted
from tests.simulation.judge.stops import judge_stops
from tests.simulation.source.judging import judge_contradiction
from tests.simulation.trace import Violation
from tests.simulation.world.borders.decider import decided_bill
from tests.simulation.world.pamela import SimCall
from tests.simulation.world.world import World

FOR_A_PERSON = {"failed/rejected", "failed/uncertain", "failed/expired"}
ALWAYS_READ = timedelta(hours=48)  # before a month begins
UNCOUNTED = {"rejected", "expired", "replaced"}
FINAL = {"synced", "failed/replaced", "failed/voided"}


def in_doubt(world: World) -> bool:
    """Say whether something is left that only further hours, or a person, decide."""
    undecided = {"uncertain", "cancelling", "rejected"}
    return bool(world.waiting or unnamed_doubles(world)) or any(
        row.reason in undecided or _is_not_known_as_rejected(world, row)
        for row in world.view.events()
    )


def _is_not_known_as_rejected(world: World, row: EventRow) -> bool:
    uncounted = world.stripe.counted(row.identifier) is None
    return row.state == "synced" and row.minutes != 0 and uncounted


def judge_liveness(world: World) -> None:
    """Demand that nothing is on its way any more."""
    for row in world.view.events():
        if row.standing in FINAL or _is_held(row):
            continue
        if world.settings.owners[row.customer] in world.stopped:
            world.trace.sometimes("events wait for a person")
            continue
        if is_held_by_person(world, row.customer):
            continue
        if row.standing not in FOR_A_PERSON and not world.judge.relaxed:
            raise Violation("I34", f"{row.identifier} is still {row.standing}")
        world.trace.sometimes(f"a person is asked: {row.standing}")
    # What is still of the present hour, such as a change to a closed month, is not due.
    present = world.schedule.now.replace(minute=0, second=0, microsecond=0)
    left = world.view.rows(
        "SELECT DISTINCT customer FROM b2b_usage "
        "WHERE meter_event_id IS NULL AND hour < ?",
        present.isoformat(),
    )
    for (customer,) in left:
        owner = world.settings.owners.get(customer, customer)
        if is_held_by_person(world, customer) or owner in world.stopped:
            continue
        if not any(words.startswith(f"{customer}: ") for words in world.complaints):
            raise Violation("I34", f"rows of {customer} are in no event")
        world.trace.sometimes("rows wait for a customer that left")
    judge_unread(world)
    judge_holds_told(world)
    judge_stops(world)


def _is_held(row: EventRow) -> bool:
    """Whether it waits for minutes that would keep the month above zero."""
    return row.state == "pending" and row.minutes < 0


def judge_refused(world: World) -> None:
    """A ledger that was put back, and that nobody accepted, is only read."""
    if not any("audit trail" in words for words in world.complaints):
        raise Violation("I40", f"it is not refused: {world.complaints}")
    if world.view.rows("SELECT max(id) FROM audit_event") != world.restored_at:
        raise Violation("I40", "a ledger that was put back was written to")
    world.trace.sometimes("a restored ledger is refused")


def judge_books(world: World) -> None:
    """Compare Pamela with the ledger, and the ledger with Stripe."""
    world.judge.judge_calls()
    world.judge.judge_closed_months()
    _judge_source(world)
    if not world.stripe.is_beyond:
        judge_invoices(world)
    judge_doubles(world)
    if world.judge.relaxed:
        return
    _judge_events(world)
    if world.weather.calm:
        _judge_quiet(world)


def _judge_source(world: World) -> None:
    """Compare what is billed with what is owed, call by call, by who each truly is."""
    billed, aside = world.billed(), _aside(world)
    for call in world.present_calls():
        held = billed.pop(call.truth, {})
        is_listed = call.contradicts and judge_contradiction(world, call)
        is_lost = call.malformed and call.id not in aside and not is_listed
        if is_lost and not (world.is_unread(call) or _is_out_of_sight(world, call)):
            raise Violation("I24", f"{call.id} makes no sense, and is not set aside")
        wanted = _owed(world, call)
        if held not in wanted:
            words = f"{call.id} is {held} in the ledger, not {wanted}"
            raise Violation("I23", words)
    for call in world.gone_calls():
        held = billed.pop(call.truth, {})
        if held not in [*map(as_posted, call.billed), decided_bill(world, call)]:
            raise Violation("I23", f"{call.id}, deleted, never was {held}")
    if billed:
        raise Violation("I23", f"calls that never were: {sorted(billed)}")


def _is_out_of_sight(world: World, call: SimCall) -> bool:
    """Whether its month is not billed here, or begins long after it was made.

    A pull looks so far back only for minutes that the source's own total has.
    """
    if call.place < world.first_period.start:
        return True
    return call.created < BillingPeriod.of(call.place).start - ALWAYS_READ


def _aside(world: World) -> set[str]:
    return {name for _, name in world.view.quarantined()}


def _owed(world: World, call: SimCall) -> list[Posted]:
    """Return what may stand of a call: what it owes, unless something is named."""
    ever = [as_posted(bill) for bill in call.billed]
    decided = decided_bill(world, call)
    if decided is not None:
        world.trace.sometimes("a call is billed as a person decided")
        return [decided]
    if call.malformed or world.is_unread(call):
        return ever
    if call.id in world.view.held("id_reused"):
        world.trace.sometimes("a call is held: id_reused")
        return [*ever, {}]
    return [as_posted(world.pamelas[0].due(call))]


def _judge_events(world: World) -> None:
    carried: dict[int, int] = defaultdict(int)
    hours: dict[int, set[str]] = defaultdict(set)
    for event, minutes, hour in world.view.rows(
        "SELECT meter_event_id, billed_minutes, hour FROM b2b_usage"
    ):
        carried[event] += minutes
        hours[event].add(hour)
    for row in world.view.events():
        if row.carries is None and not hours[row.id] <= {row.hour}:
            raise Violation("I5", f"{row.identifier} reports rows of other hours")
        truth = world.stripe.counted(row.identifier)
        if world.stripe.is_beyond:
            continue
        carries = 0 if row.reason == "replaced" else row.minutes
        if carried[row.id] != carries:
            raise Violation("I1", f"{row.identifier} does not report its rows")
        if row.state == "synced" and row.minutes and truth != row.minutes:
            words = f"{row.identifier} is synced, and counts {truth}"
            raise Violation("I14", words)
        if row.reason in UNCOUNTED and truth is not None:
            words = f"{row.identifier} is {row.standing}, and counts {truth}"
            raise Violation("I15", words)
    known = {row.identifier for row in world.view.events()}
    foreign = {name for name, taken in world.stripe.received.items() if taken} - known
    if foreign:
        raise Violation("I31", f"Stripe took what is not staged: {sorted(foreign)}")


def _judge_quiet(world: World) -> None:
    """Without faults, every event is sent once, and nothing fails."""
    world.trace.sometimes("a run is quiet")
    for row in world.view.events():
        sends = world.judge.sendings[row.identifier].sends
        if row.state != "synced" or sends != int(row.minutes != 0):
            words = f"{row.identifier} is {row.standing} after {sends} sends"
            raise Violation("quiet", words)
