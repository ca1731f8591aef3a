"""The calls of the fixture's world: usual ones by chance, and those with a story."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Call = dict[str, Any]

ACCOUNTS = {
    "riverside": ("alder-dental", "birch-clinic", "cedar-optics"),
    "lakeview": ("elm-couriers", "fir-plumbing"),
    "summit": ("hazel-travel",),
}
OWNERS = {name: account for account, names in ACCOUNTS.items() for name in names}
ALDER, BIRCH, CEDAR, ELM, FIR, HAZEL = OWNERS
# Days with usual calls, and how many a customer has on each.
USUAL = (
    *((datetime(2026, 1, day, tzinfo=UTC), 1) for day in range(15, 31, 2)),
    *((datetime(2026, 2, day, tzinfo=UTC), 2) for day in range(3, 27, 2)),
    *((datetime(2026, 3, day, tzinfo=UTC), 2) for day in (2, 4, 5, 6, 9)),
    *((datetime(2026, 3, day, tzinfo=UTC), 1) for day in (13, 16, 18, 23, 30, 31)),
)
# It is silent while the settings misspell its name at Stripe.
HAZEL_IS_SILENT = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
FIRST_OFFICE_HOUR, OFFICE_HOURS = 14, 4
CAMPAIGNS = ("spring", "autumn", "recall")
PHONE = "+1 555 010 0100"
DELETED, DELETED_MINUTES = "call_deleted", 2
EXPIRED_MINUTES = VOIDED_MINUTES = 3
# What somebody else reports to the same meter.
FOREIGN_MINUTES = 5


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a moment of 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def all_calls() -> dict[str, list[Call]]:
    """Return every call that the world ever has, by account."""
    by_account: dict[str, list[Call]] = {name: [] for name in ACCOUNTS}
    for customer, call in (*_usual(), *_january(), *_february(), *_march()):
        if len(ACCOUNTS[OWNERS[customer]]) > 1:
            call["metadata"]["customer"] = customer
        by_account[OWNERS[customer]].append(call)
    return by_account


def _talk(
    name: str,
    started: datetime,
    seconds: object,
    *,
    visible: datetime | None = None,
    then: tuple[datetime, object] | None = None,
    **fields: object,
) -> Call:
    """Return a call, perhaps seen late, perhaps with another duration from then on."""
    created = started - timedelta(seconds=4)
    script: dict[str, object] = {}
    if visible is not None:
        script["visible_at"] = visible.isoformat()
    if then is not None:
        moment, duration = then
        changed = _lasting(started, duration)
        script["then"] = [{"at": moment.isoformat(), "fields": changed}]
    return {
        "id": f"call_{name}",
        "status": "completed",
        "created_at": created.isoformat(),
        "started_at": started.isoformat(),
        "metadata": {"campaign": "spring"},
        "_sandbox": script,
        **_lasting(started, seconds),
        **fields,
    }


def _lasting(started: datetime, seconds: object) -> dict[str, object]:
    if type(seconds) is not int or seconds < 0:
        return {"duration_seconds": seconds, "billed_minutes": None}
    ended = started + timedelta(seconds=seconds)
    minutes = max(-(-seconds // 60), 1)
    return {
        "status": "completed",
        "duration_seconds": seconds,
        "billed_minutes": minutes,
        "ended_at": ended.isoformat(),
    }


def _usual() -> Iterator[tuple[str, Call]]:
    """Give connected calls, a few that rang out, and what they say of a campaign."""
    chance = random.Random("0.1.0")
    for day, count in USUAL:
        for customer in OWNERS:
            if customer == HAZEL and HAZEL_IS_SILENT[0] <= day < HAZEL_IS_SILENT[1]:
                continue
            for number in range(count):
                hour = FIRST_OFFICE_HOUR + chance.randrange(OFFICE_HOURS)
                started = day + timedelta(hours=hour, minutes=chance.randrange(50))
                name = f"{customer.split('-')[0]}_{day:%m%d}_{number}"
                call = _talk(name, started, int(chance.lognormvariate(4.8, 0.8)))
                call["metadata"] = {"campaign": chance.choice(CAMPAIGNS)}
                if chance.random() < 0.1:
                    call |= {"status": "failed", "started_at": None}
                    call |= {"duration_seconds": None, "billed_minutes": None}
                yield customer, call


def _january() -> Iterator[tuple[str, Call]]:
    """Give what changes of January when it is closed: late, longer and shorter."""
    yield ALDER, _talk("late", at(1, 29, 15, 30), 150, visible=at(2, 6, 8))
    longer, shorter = (at(2, 7, 8), 400), (at(2, 9, 8), 100)
    yield BIRCH, _talk("longer", at(1, 28, 11, 10), 100, then=longer)
    yield BIRCH, _talk("shorter", at(1, 28, 12, 10), 400, then=shorter)


def _february() -> Iterator[tuple[str, Call]]:
    """Give the stories of the month that is over and open."""
    yield HAZEL, _talk("expired", at(2, 5, 10, 10), 160)
    yield ELM, _talk("cancelled", at(2, 16, 10, 10), 400, then=(at(2, 16, 12), 100))
    yield CEDAR, _talk("voided", at(2, 16, 10, 15), 160)
    yield FIR, _talk("negative", at(2, 17, 10, 10), 400, then=(at(2, 19, 8), 100))
    yield BIRCH, _talk("released", at(2, 17, 10, 20), -5, then=(at(2, 20, 8), 170))
    # Two changes of an hour that cancel out: an event of no minutes.
    yield FIR, _talk("up", at(2, 18, 10, 5), 130, then=(at(2, 20, 8), 190))
    yield FIR, _talk("down", at(2, 18, 10, 35), 130, then=(at(2, 20, 8), 70))
    yield CEDAR, _talk(DELETED.removeprefix("call_"), at(2, 18, 10, 10), 120)
    phone = {"campaign": PHONE}
    yield ELM, _talk("phone", at(2, 18, 10, 15), 90, metadata=phone)
    # Still to come when the fixture is made.
    yield ALDER, _talk("still_changes", at(2, 24, 10), 100, then=(at(3, 15, 8), 400))
    yield BIRCH, _talk("still_late", at(2, 26, 10), 200, visible=at(3, 14, 8))


def _march() -> Iterator[tuple[str, Call]]:
    """Give the stories of the running month."""
    yield BIRCH, _talk("text", at(3, 9, 10, 20), "214", then=(at(3, 20, 8), 214))
    yield BIRCH, _talk("odd", at(3, 9, 10, 40), 60) | {"status": "exploded"}
    for hour in (10, 11):
        yield CEDAR, _talk(f"rejected_{hour}", at(3, 9, hour, 10), 130)
    yield HAZEL, _talk("readdressed", at(3, 10, 10, 20), 250)
    for hour in range(5, 10):
        yield CEDAR, _talk(f"reported_{hour}", at(3, 11, hour, 10), 60 * hour)
    yield FIR, _talk("cancelling", at(3, 11, 8, 10), 400, then=(at(3, 11, 10, 30), 100))
    yield ALDER, _talk("uncertain_a", at(3, 11, 10, 10), 230)
    yield BIRCH, _talk("uncertain_b", at(3, 11, 10, 15), 290)
    yield ELM, _talk("in_flight_0", at(3, 11, 15, 10), 500)
    yield ELM, _talk("in_flight_1", at(3, 11, 16, 10), 140)
    for customer in (ALDER, BIRCH, CEDAR, HAZEL):
        name = customer.split("-")[0]
        for hour in (14, 15, 16):
            yield customer, _talk(f"unsent_{name}_{hour}", at(3, 11, hour, 20), 200)
    for customer in (ALDER, HAZEL):
        name = customer.split("-")[0]
        yield customer, _talk(f"unstaged_{name}", at(3, 12, 10, 5), 75)
    underway = _talk("underway", at(3, 12, 10, 16), None, then=(at(3, 12, 11, 30), 660))
    yield ALDER, underway | {"status": "in_progress", "ended_at": None}
    yield ELM, _talk("later_less", at(3, 13, 10), 400, then=(at(3, 15, 9), 100))
    yield FIR, _talk("later_more", at(3, 13, 11), 100, then=(at(3, 17, 9), 400))
    yield CEDAR, _talk("at_the_edge", at(3, 31, 23, 59), 300)
    yield BIRCH, _talk("over_midnight_late", at(3, 31, 23, 40), 90, visible=at(4, 1, 6))
