"""Seeds: every awkward kind is there, the same for the same seed, and not too much."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from billing.sandbox.clock import first_of_month
from billing.sandbox.pamela.call import Call, Document, micros, read_moment
from billing.sandbox.pamela.truth import pamela_truth
from billing.sandbox.seeds.bulk import bulk
from billing.sandbox.seeds.worlds import QUIET, Seeded, empty, month_end, realistic

LATE_IN_MONTH = datetime(2026, 10, 30, 20, 0, tzinfo=UTC)
MOMENTS = (
    LATE_IN_MONTH,
    datetime(2026, 11, 23, 13, 7, 21, 345, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 0, 10, tzinfo=UTC),
)


@cache
def seeded(now: datetime) -> Seeded:
    return realistic(7, now)


def all_calls(world: Seeded) -> list[Call]:
    return [
        call for account in world.pamela.accounts for call in account.call_list.calls()
    ]


def moment(call: Document, field: str) -> datetime:
    found = read_moment(call[field])
    assert found is not None
    return found


def test_three_accounts_serve_eight_customers() -> None:
    world = seeded(LATE_IN_MONTH)
    names = {customer.name for customer in world.customers}
    assert len(names) == len(world.customers) == 8
    assert all(customer.id.startswith("cus_") for customer in world.customers)
    shared = [one for one in world.pamela.accounts if one.customer_key]
    (alone,) = (one for one in world.pamela.accounts if not one.customer_key)
    assert len(shared) == 2
    assert alone.default_customer in names
    named = {
        account.name: {
            call.final()["metadata"].get("customer")  # type: ignore[attr-defined]
            for call in account.call_list.calls()
        }
        for account in world.pamela.accounts
    }
    assert named.pop(alone.name) == {None}
    assert set.union(*named.values()) | {alone.default_customer} == names
    assert sum(map(len, named.values())) == 7, "no customer is in two accounts"


@pytest.mark.parametrize("now", MOMENTS)
def test_there_are_ten_thousand_calls_in_few_hours(now: datetime) -> None:
    world = seeded(now)
    calls = all_calls(world)
    assert 9_800 <= len(calls) <= 10_300
    hours = {
        (account.name, str(call["metadata"]), str(call["started_at"])[:13])
        for account in world.pamela.accounts
        for call in (call.final() for call in account.call_list.calls())
        if call["started_at"]
    }
    assert len(hours) <= 2_500
    months = {month for _, _, hour in hours for month in [hour[:7]]}
    assert months <= {f"{first_of_month(now, n):%Y-%m}" for n in (-1, 0)}


@pytest.mark.parametrize("now", MOMENTS)
def test_nothing_changes_by_itself_for_a_while(now: datetime) -> None:
    world = seeded(now)
    due = [call.next_change(micros(now)) for call in all_calls(world)]
    coming = [moment for moment in due if moment is not None]
    assert min(coming) >= micros(now + QUIET)
    assert len(coming) > 50, "but later much does"


@pytest.mark.parametrize(
    ("status", "connected"),
    [
        ("completed", True),
        ("failed", True),
        ("failed", False),
        ("cancelled", True),
        ("cancelled", False),
    ],
)
def test_calls_end_in_every_way(status: str, connected: bool) -> None:
    census = Counter(
        (call["status"], call["started_at"] is not None)
        for call in (call.final() for call in all_calls(seeded(LATE_IN_MONTH)))
    )
    assert census[status, connected] >= 50


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61])
def test_calls_last_as_long_as_is_awkward(seconds: int) -> None:
    census = Counter(
        call.final()["duration_seconds"] for call in all_calls(seeded(LATE_IN_MONTH))
    )
    assert census[seconds] >= 3


def test_calls_straddle_the_month() -> None:
    edge = first_of_month(LATE_IN_MONTH)
    finals = [call.final() for call in all_calls(seeded(LATE_IN_MONTH))]
    connected = [call for call in finals if call["started_at"]]
    created_before = [
        call
        for call in connected
        if moment(call, "created_at") < edge <= moment(call, "started_at")
    ]
    ended_after = [
        call
        for call in connected
        if moment(call, "started_at") < edge < moment(call, "ended_at")
    ]
    assert len(created_before) >= 3
    assert {call["started_at"] for call in ended_after} == {
        "2026-09-30T23:59:59.500000Z"
    }


def test_some_calls_are_late_revised_or_under_way() -> None:
    now = micros(LATE_IN_MONTH)
    calls = all_calls(seeded(LATE_IN_MONTH))
    late = [call for call in calls if call.opens > call.stages[0][0]]
    assert {call.opens > now for call in late} == {True, False}
    revised = [call for call in calls if len(call.stages) > 1]
    assert {call.stages[-1][0] > now for call in revised} == {True, False}
    longer = {
        len(call.stages[-1][1]) and _minutes(call, -1) > _minutes(call, 0)
        for call in revised
    }
    assert longer == {True, False}
    bodies = [call.body_at(now) or b"" for call in calls]
    assert sum(b'"in_progress"' in body for body in bodies) >= 3


def _minutes(call: Call, stage: int) -> int:
    final = Call(call.id, call.created, call.opens, (call.stages[stage],)).final()
    minutes = final["billed_minutes"]
    assert isinstance(minutes, int)
    return minutes


def test_the_running_totals_agree_with_the_truth_as_time_passes() -> None:
    world = realistic(3, LATE_IN_MONTH, calls=500)
    for hours in (0, 1, 3, 5, 24):
        now = LATE_IN_MONTH + timedelta(hours=hours)
        for account in world.pamela.accounts:
            months = pamela_truth(world.pamela, now)[account.name]["months"]
            assert isinstance(months, dict)
            for month, truth in months.items():
                usage = world.pamela.usage(account, month, now)
                assert usage["billed_minutes"] == truth["billed_minutes"]


def test_the_same_seed_makes_the_same_world() -> None:
    def states(seed: int) -> list[Document]:
        return [
            realistic(seed, LATE_IN_MONTH, calls=300).pamela.to_state(),
            bulk(seed, LATE_IN_MONTH, calls=300, customers=3).pamela.to_state(),
            empty(seed, LATE_IN_MONTH).pamela.to_state(),
        ]

    assert states(1) == states(1)
    assert all(one != other for one, other in zip(states(1), states(2), strict=True))


def test_a_month_that_is_to_close_has_its_own_calls_only_and_all_are_over() -> None:
    world = month_end(7, LATE_IN_MONTH, calls=100)
    calls = all_calls(world)
    assert len(calls) > 90
    assert len(world.customers) == 5
    first, last = micros(first_of_month(LATE_IN_MONTH)), micros(LATE_IN_MONTH)
    assert all(first <= call.created and call.settled(last) for call in calls)


def test_broken_calls_come_only_when_asked_for() -> None:
    def odd(world: Seeded) -> int:
        return sum(
            type(call.final()["duration_seconds"]) not in {int, type(None)}
            for call in all_calls(world)
        )

    assert odd(realistic(1, LATE_IN_MONTH, calls=300)) == 0
    assert odd(realistic(1, LATE_IN_MONTH, calls=300, broken=True)) == 9


def test_no_real_telephone_number_is_in_the_data() -> None:
    for call in all_calls(seeded(LATE_IN_MONTH)):
        text = str(call.final()["transcript"])
        assert "+" not in text.replace("+15550100", "")
