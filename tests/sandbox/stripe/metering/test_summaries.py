"""Event summaries: how usage adds up, how late it shows, and what may be asked."""

from datetime import datetime, timedelta

import pytest

from billing.sandbox.stripe.http.errors import StripeError
from tests.sandbox.stripe.stripe_world import EVENT, METER, T0, StripeWorld, second

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = T0.replace(hour=0)
SETTLED = T0 + HOUR


def send_at(world: StripeWorld, moment: datetime, value: str, now: datetime) -> None:
    name = f"{moment.isoformat()}={value}"
    world.send(world.event(name, value, timestamp=second(moment)), now)


def test_an_event_shows_only_after_the_lag(stripe_world: StripeWorld) -> None:
    stripe_world.send(stripe_world.event())
    assert stripe_world.minutes(T0 + timedelta(seconds=59)) == 0
    assert stripe_world.minutes(T0 + timedelta(seconds=60)) == 5


def test_events_show_one_by_one_when_the_lag_is_spread(
    stripe_world: StripeWorld,
) -> None:
    stripe_world.rules.summary_spread = HOUR
    for number in range(40):
        stripe_world.send(stripe_world.event(f"e{number}", "1"))
    seen = [stripe_world.minutes(T0 + minutes * HOUR / 6) for minutes in range(8)]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 40)
    assert len(set(seen)) > 3


def test_one_minute_reads_one_event_back(stripe_world: StripeWorld) -> None:
    minute = timedelta(minutes=1)
    send_at(stripe_world, MIDNIGHT, "5", T0)
    send_at(stripe_world, MIDNIGHT + minute, "7", T0)
    start = MIDNIGHT + minute
    assert stripe_world.summaries(start, start + minute, SETTLED) == [
        (second(start), 7)
    ]


def test_the_start_is_in_and_the_end_is_out(stripe_world: StripeWorld) -> None:
    for moment, value in [(-1, "1"), (0, "10"), (3_599, "100"), (3_600, "1000")]:
        send_at(stripe_world, MIDNIGHT + timedelta(seconds=moment), value, T0)
    assert stripe_world.minutes(SETTLED, MIDNIGHT) == 110


@pytest.mark.parametrize(
    ("grouping", "rows"),
    [
        (None, [(0, 16)]),
        ("hour", [(25, 8), (5, 5), (0, 3)]),
        ("day", [(24, 8), (0, 8)]),
    ],
)
def test_rows_are_grouped_newest_first_and_empty_ones_are_left_out(
    stripe_world: StripeWorld, grouping: str | None, rows: list[tuple[int, int]]
) -> None:
    for hour, value in [(0, "1"), (0, "2"), (5, "5"), (25, "8")]:
        send_at(stripe_world, MIDNIGHT - 2 * DAY + hour * HOUR, value, T0)
    start = MIDNIGHT - 2 * DAY
    fields = {"value_grouping_window": grouping} if grouping else {}
    found = stripe_world.summaries(start, MIDNIGHT, SETTLED, **fields)
    assert found == [(second(start + hour * HOUR), value) for hour, value in rows]


def test_no_usage_is_no_row(stripe_world: StripeWorld) -> None:
    assert stripe_world.summaries(MIDNIGHT, T0, SETTLED) == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"start_time": second(T0) + 1}, "start_time"),
        ({"end_time": second(SETTLED) + 59}, "end_time"),
        ({"end_time": second(T0)}, "start_time"),
        ({"end_time": second(T0) - 60}, "start_time"),
        ({"value_grouping_window": "day"}, "start_time"),
        (
            {"value_grouping_window": "hour", "end_time": second(SETTLED) + 60},
            "end_time",
        ),
        ({"value_grouping_window": "week"}, "value_grouping_window"),
        ({"customer": None}, "customer"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"start_time": None}, "start_time"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"starting_after": "mtrusg_none"}, "starting_after"),
        ({"group_by": "region"}, "group_by"),
    ],
)
def test_a_question_that_stripe_would_refuse_is_refused(
    stripe_world: StripeWorld, change: dict[str, object], param: str
) -> None:
    with pytest.raises(StripeError) as caught:
        stripe_world.summaries(T0, SETTLED, SETTLED, **change)
    assert (caught.value.http_status, caught.value.param) == (400, param)


def test_a_deleted_customer_has_no_summaries(stripe_world: StripeWorld) -> None:
    stripe_world.mode.delete_customer(stripe_world.customer, T0)
    with pytest.raises(StripeError) as caught:
        stripe_world.summaries(T0, SETTLED, SETTLED)
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize(
    ("formula", "window", "value"),
    [
        ("sum", None, 111),
        ("count", None, 3),
        ("last", None, 100),
        ("sum", "hour", 101),
        ("sum", "day", 1),
        ("count", "hour", 2),
    ],
)
def test_a_meter_adds_up_by_its_formula_and_its_window(
    stripe_world: StripeWorld, formula: str, window: str | None, value: int
) -> None:
    params: dict[str, object] = {
        **METER,
        "event_name": "other",
        "default_aggregation": {"formula": formula},
    }
    if window:
        params["event_time_window"] = window
    stripe_world.meter = str(stripe_world.mode.create_meter(params, T0)["id"])
    # The latest received of an hour or a day replaces what came before.
    for place, (hour, number) in enumerate([(3, "100"), (1, "10"), (1, "1")]):
        event = stripe_world.event(
            f"e{place}", number, timestamp=second(MIDNIGHT + hour * HOUR)
        )
        stripe_world.send(
            {**event, "event_name": "other"}, T0 + timedelta(seconds=place)
        )
    assert stripe_world.summaries(MIDNIGHT, MIDNIGHT + DAY, SETTLED) == [
        (second(MIDNIGHT), value)
    ]


def test_the_truth_knows_at_once_what_counts_in_the_end(
    stripe_world: StripeWorld,
) -> None:
    send_at(stripe_world, MIDNIGHT, "5", T0)
    send_at(stripe_world, MIDNIGHT, "2.5", T0)
    stripe_world.send(stripe_world.event("gone", "9", timestamp=second(MIDNIGHT)))
    stripe_world.mode.cancel_event(EVENT, "gone", T0)
    lost = {"stripe_customer_id": "cus_nobody", "value": "4"}
    stripe_world.send({**stripe_world.event("lost"), "payload": lost})
    truth = stripe_world.account.truth()
    assert truth["live"] == {}
    customers = truth["test"]
    assert isinstance(customers, dict)
    mine = customers[stripe_world.customer]
    assert mine["months"] == {"2026-03": {EVENT: "7.5"}}
    hour = mine["hours"]["2026-03-10T00:00:00Z"]
    assert hour["counted"] == {EVENT: "7.5"}
    assert [(e["value"], e["counted"], e["reason"]) for e in hour["events"]] == [
        (5, True, None),
        ("2.5", True, None),
        (9, False, "cancelled"),
    ]
    [other] = customers["cus_nobody"]["hours"]["2026-03-10T12:00:00Z"]["events"]
    assert other == {
        "identifier": "lost",
        "event_name": EVENT,
        "value": 4,
        "timestamp": second(T0),
        "received_at": "2026-03-10T12:00:00Z",
        "counted": False,
        "reason": "meter_event_customer_not_found",
    }
