"""Late calls: what Pamela tells after the month's edge, and what after its close."""

from dataclasses import dataclass

from billing.demo.month_end.cast import (
    CUSTOMERS,
    FIRST,
    LAST,
    SECOND,
    Document,
    NamedCalls,
)
from billing.demo.month_end.desk import Desk, day
from billing.pipeline.sync.send import Outcome

OVER_MIDNIGHT_SECONDS = 47 * 60 + 10  # begins at 23:35, ends in the next month
SECONDS, LONGER_BY = 205, 4 * 60
NEGATIVE = {"duration_seconds": -5, "billed_minutes": None}
TEXT = {"duration_seconds": "214", "billed_minutes": None}


@dataclass(frozen=True, slots=True)
class Evening:
    """The calls of the month's last evening that the story names later."""

    plain: Document
    corrected: Document
    unconnected: Document
    broken: Document


def play_evening(desk: Desk) -> Evening:
    """Let the month's last calls come when the month is over."""
    cast = desk.cast
    evening = Evening(
        cast.talk(FIRST, cast.hour(0, 20, 41), SECONDS),
        cast.talk(FIRST, cast.hour(0, 21, 48), SECONDS),
        cast.ring_out(FIRST, cast.hour(0, 21, 3)),
        cast.talk(SECOND, cast.hour(0, 22, 30), SECONDS),
    )
    at = cast.hour(1, 2, 5)
    desk.move_to(at)
    shown = 0
    for customer in CUSTOMERS:
        moments = cast.hour(0, 20, 7), cast.hour(0, 22, 12), cast.hour(0, 23, 59)
        cast.show(customer, *(cast.talk(customer, m, cast.seconds()) for m in moments))
        shown += len(moments)
    cast.show(FIRST, evening.plain, evening.corrected, evening.unconnected)
    cast.show(SECOND, evening.broken | NEGATIVE)
    cast.show(LAST, cast.talk(LAST, cast.hour(0, 23, 35), OVER_MIDNIGHT_SECONDS))
    sent = desk.sync().outcomes[Outcome.SYNCED]
    desk.begin(
        2,
        at,
        "the month is over, and only now Pamela tells of its last "
        f"evening: {shown + 5} calls. One began at 23:35 and ended after midnight: "
        f"it is of {cast.month}. {sent} events are sent; Stripe keeps the invoices of "
        f"{cast.month} open until {day(cast.hour(4, 0))}, so all of this is on them. "
        "One call lasted -5 seconds, says Pamela: it waits in quarantine, unbilled.",
    )
    return evening


def fix_broken(desk: Desk, evening: Evening) -> None:
    """Let Pamela say rightly how long the call in quarantine was."""
    repaired: Document = {"id": evening.broken["id"], "duration_seconds": SECONDS}
    desk.cast.show(SECOND, repaired)


def play_after_close(desk: Desk, evening: Evening, troubled: str) -> NamedCalls:
    """Let a closed month change: one call gets longer, and another one turns up."""
    cast = desk.cast
    at = cast.hour(4, 9, 5)
    longer: Document = {
        "id": evening.corrected["id"],
        "duration_seconds": SECONDS + LONGER_BY,
    }
    late = cast.talk(LAST, cast.hour(0, 18, 20), 150)
    broken = cast.talk(SECOND, cast.hour(4, 8, 30), 214) | TEXT
    desk.move_to(at)
    cast.show(FIRST, longer)
    cast.show(LAST, late)
    cast.show(SECOND, broken)
    desk.run()
    desk.begin(
        9,
        at,
        f"Pamela corrects a call of {cast.month}: it was 4 "
        f"minutes longer. And one more call of {cast.month} turns up. {cast.month} is "
        f"closed and stays as it is: both become adjustments in {cast.month.next}, "
        "reported to Stripe with the next hour. (A call of "
        f"{cast.month.next} has no number for its length: quarantine.)",
    )
    desk.sync(cast.hour(4, 10, 5))
    return NamedCalls(
        plain=str(evening.plain["id"]),
        late=str(late["id"]),
        corrected=str(evening.corrected["id"]),
        troubled=troubled,
        unconnected=str(evening.unconnected["id"]),
        quarantined=str(broken["id"]),
    )
