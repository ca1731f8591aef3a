"""A month: awkward, late and changed calls, outages, rejections, a close, corrections.

It is told by commands and by orders to the sandbox, on one account and three customers.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.golden.desk import Desk

CUSTOMERS = {"acme": "cus_acme", "birch": "cus_birch", "cedar": "cus_cedar"}
MONTH, NEXT = "2026-02", "2026-03"
SECONDS = (0, 1, 59, 60, 61, 125, 600, 3_599, 30, 240)
# One looks like a phone number, and so is withheld; one begins like a formula.
CAMPAIGNS = ("spring", "fall", "+1 555 0100 123", "=1+1", None)
SEND = "stripe.meter_events.create"
LATE, REVISED, RUNNING, BROKEN, GONE = "late", "revised", "running", "broken", "gone"
SETTINGS = """\
report_metadata = ["campaign"]
metadata_retention_days = 90

"""
BAD = (
    ["report", "usage", "2026"],
    ["report", "usage", MONTH, "--by", "colour"],
    ["report", "statement", MONTH, "nobody"],
    ["report", "what-if", MONTH, "--step", "0"],
    ["close"],
    ["close", "2020-01"],
    ["explain", "call_nowhere"],
    ["sync", "--void", "no-such-event", "--reason", "why"],
    ["sync", "--reason", "why"],
    ["pull", "2020-01"],
    ["pull", "--account", "nobody"],
    ["breaks", "--acknowledge", "999", "--reason", "why"],
    ["verify", "nowhere.zip"],
    ["audit", "accept-restore", "--reason", "there was none"],
    ["status", "--settings", "nowhere.toml"],
)


def at(day: int, hour: int, minute: int = 0, *, month: int = 2) -> datetime:
    """Return a moment of the story."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


class Story:
    """The desk, and the account whose calls are put into the sandbox."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.key = desk.ask("GET", "/_sandbox")["accounts"][0]["api_key"]
        self.calls: list[str] = []

    def move(self, moment: datetime) -> None:
        """Move the clock."""
        self.desk.ask("PUT", "/_sandbox/clock", {"now": moment.isoformat()})

    def pass_time(self, **time: int) -> None:
        """Move the clock on."""
        seconds = int(timedelta(**time).total_seconds())
        self.desk.ask("PUT", "/_sandbox/clock", {"advance_seconds": seconds})

    def trouble(self, *faults: dict[str, Any]) -> None:
        """Put faults in force, and lift all others."""
        self.desk.ask("PUT", "/_sandbox/faults", list(faults))

    def put(self, *calls: dict[str, Any]) -> None:
        """Add calls, or change those that are known."""
        self.desk.ask("POST", "/_sandbox/calls", list(calls), self.key)

    def talk(self, start: datetime, number: int) -> None:
        """Put some calls of all customers from a moment on."""
        calls = [_call(self, start, each) for each in range(number)]
        self.put(*calls)


def _call(story: Story, start: datetime, each: int) -> dict[str, Any]:
    number = len(story.calls)
    story.calls.append(f"call_{number:04d}")
    started = start + timedelta(minutes=37 * each, milliseconds=250)
    return called(story.calls[-1], started, SECONDS[number % len(SECONDS)], number)


def called(
    name: str, started: datetime, seconds: object, number: int = 0
) -> dict[str, Any]:
    """Return a call that was answered."""
    said = {"customer": sorted(CUSTOMERS)[number % len(CUSTOMERS)]}
    campaign = CAMPAIGNS[number % len(CAMPAIGNS)]
    return {
        "id": name,
        "status": "completed",
        "created_at": (started - timedelta(seconds=4)).isoformat(),
        "started_at": started.isoformat(),
        "duration_seconds": seconds,
        "metadata": said | ({"campaign": campaign} if campaign else {}),
    }


def tell_month(desk: Desk) -> list[str]:
    """Tell the month, and return the calls that are worth explaining."""
    story = Story(desk)
    set_up(story)
    for act in (begin, lose_answers, reject, end_month, doubt, mend, close, go_on):
        act(story)
    for words in BAD:
        desk(*words, shown=True)
    return [*story.calls[:6], *story.calls[-3:], LATE, REVISED, RUNNING, BROKEN, GONE]


def set_up(story: Story) -> None:
    """Make customers, settings and the ledger."""
    desk = story.desk
    for name, stripe in CUSTOMERS.items():
        desk.ask("POST", "/_sandbox/customers", {"id": stripe, "name": name})
    desk("init", "--sandbox", desk.url)
    desk("init", "--sandbox", desk.url)
    settings = desk.work / "billing.toml"
    text = settings.read_text()
    anchored = text.replace("[audit]\n", '[audit]\nanchors = ["folder:anchors"]\n')
    prices = "".join(
        f'\n[[prices]]\nfrom = {day}\nper_minute = "{price}"\n'
        for day, price in (("2020-01-01", "0.10"), ("2026-02-15", "0.125"))
    )
    settings.write_text(SETTINGS + anchored + prices)
    (desk.work / "anchors").mkdir()


def begin(story: Story) -> None:
    """Pull, sync and reconcile the first days by hand."""
    desk = story.desk
    story.talk(at(1, 0), 20)
    story.talk(at(3, 6, 30), 8)
    desk("doctor", shown=True)
    desk("audit", "heads")
    for words in (["pull"], ["sync"], ["sync", "--now"], ["reconcile"]):
        desk(*words)
    story.pass_time(hours=1)
    desk("reconcile", "--thorough")
    desk("run", shown=True)


def lose_answers(story: Story) -> None:
    """Let Stripe lose answers and fail for a while; then Pamela."""
    story.move(at(10, 10, 5))
    story.talk(at(9, 9), 12)
    story.trouble(
        {"kind": "drop_after", "endpoint": SEND, "count": 2},
        {"kind": "error_503", "endpoint": SEND, "count": 3},
        {"kind": "rate_limit", "endpoint": SEND, "count": 1},
    )
    story.desk("run")
    story.trouble({"kind": "error_503", "endpoint": "pamela.*"})
    story.desk("pull", shown=True)
    story.trouble({"kind": "unauthorized", "endpoint": "stripe.*"})
    story.desk("run", shown=True)
    story.desk("doctor", shown=True)
    story.trouble()
    story.desk("run")
    story.desk("status", shown=True)


def reject(story: Story) -> None:
    """Let Stripe refuse later what it took; send some anew, give one up."""
    desk = story.desk
    story.move(at(20, 9, 5))
    order = {"code": "meter_event_invalid_value", "count": 3}
    desk.ask("POST", "/_sandbox/stripe/rejections", order)
    first = len(story.calls)
    story.talk(at(19, 9), 10)
    desk("run")
    for _ in range(4):
        story.pass_time(minutes=45)
        desk("sync")
    desk("status", shown=True)
    lives = [desk("explain", call) for call in story.calls[first:]]
    failed = sorted({event for life in lives for event in rejected_events(life)})
    for event in failed[:1]:
        desk("sync", "--void", event, "--reason", "paid in cash")
    desk("sync", "--retry", "--reason", "the value is right now")
    story.pass_time(hours=1)
    desk("run")


def rejected_events(value: Any) -> Iterator[str]:
    """Find the identifiers of rejected events in what is told of a call."""
    if isinstance(value, dict):
        if value.get("identifier") and "rejected" in map(str, value.values()):
            yield value["identifier"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from rejected_events(one)


def end_month(story: Story) -> None:
    """Go through the last midnight with all calls that are awkward then."""
    desk, edge = story.desk, at(1, 0, month=3)
    story.move(edge - timedelta(minutes=10))
    story.talk(at(27, 20), 12)
    late = called(LATE, at(28, 15), 100) | {
        "_sandbox": {"visible_at": at(1, 3, month=3).isoformat()}
    }
    then = [{"at": at(1, 4, month=3).isoformat(), "fields": {"duration_seconds": 400}}]
    revised = called(REVISED, at(28, 16), 180) | {"_sandbox": {"then": then}}
    running = called(RUNNING, edge - timedelta(minutes=12), None, 1)
    story.put(
        late,
        revised,
        running | {"status": "in_progress"},
        called(BROKEN, at(28, 17), -5, 2),
        called(GONE, at(28, 18), 70, 2),
        called("edge", edge - timedelta(milliseconds=500), 130),
        called("after", edge + timedelta(seconds=5), 75),
        called("nobodys", at(28, 19), 75) | {"metadata": {"customer": "dora"}},
    )
    desk("run")
    story.move(edge + timedelta(minutes=20))
    story.put({"id": RUNNING, "status": "completed", "duration_seconds": 1_000})
    desk("run")
    story.move(edge + timedelta(hours=5, minutes=5))
    desk("run", shown=True)
    desk("close", MONTH, shown=True)


def doubt(story: Story) -> None:
    """Let Stripe be gone for more than a day, and settle the doubts by reading."""
    desk = story.desk
    story.move(at(1, 6, 5, month=3))
    story.talk(at(1, 0, 30, month=3), 8)
    story.trouble(
        {"kind": "drop_after", "endpoint": SEND, "count": 2},
        {"kind": "error_503", "endpoint": SEND},
    )
    desk("run")
    story.move(at(2, 6, 35, month=3))
    story.trouble()
    desk("status", shown=True)
    for _ in range(3):
        desk("sync", "--settle")
        story.pass_time(minutes=35)
    desk("run", shown=True)


def mend(story: Story) -> None:
    """Mend what stands in the way of a close, and acknowledge what nobody can."""
    desk = story.desk
    desk.ask("DELETE", f"/_sandbox/calls/{GONE}")
    desk("reconcile", MONTH, shown=True)
    story.put(
        {"id": BROKEN, "duration_seconds": 95},
        {"id": "nobodys", "metadata": {"customer": "acme"}},
    )
    desk("reconcile", MONTH, "--heal", "--thorough", shown=True)
    story.pass_time(hours=3)
    desk("run")
    story.pass_time(minutes=40)
    desk("run", shown=True)
    for found in desk("breaks", shown=True)["breaks"]:
        number = str(found.get("number", found.get("break")))
        desk("breaks", "--acknowledge", number, "--reason", "seen, and left")


def close(story: Story) -> None:
    """Close the month, twice."""
    story.move(at(3, 10, month=3))
    for words in (["--dry-run"], ["--reason", "the books agree"], []):
        story.desk("close", MONTH, *words, shown=True)


def go_on(story: Story) -> None:
    """Correct what is closed, let more come late, erase, sign, and change the key."""
    desk = story.desk
    story.put(
        {"id": story.calls[7], "duration_seconds": 30},
        called("too-late", at(25, 12), 200, 2),
    )
    story.talk(at(3, 8, month=3), 6)
    for _ in range(2):
        desk("run")
        story.pass_time(hours=2)
    desk("reconcile", MONTH, shown=True)
    desk("reconcile", NEXT, shown=True)
    desk("db", "erase", "--key", "campaign", "--customer", "acme", "--reason", "asked")
    desk("audit", "sign")
    desk("audit", "rotate-key", "--reason", "a new year")
    desk("run")
    desk("db", "upgrade")
