"""Shadow as a person meets it: another program feeds the meter, and nothing is sent."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.desk import HOUR, LAST, PRESENT, Desk
from tests.cli.scene import Scene, kept_scene

DAY = 24 * HOUR
METER = 'meter = "stripe_minutes"\n'
SHADOW = f'{METER}send = "shadow"\n'


@pytest.fixture(scope="session")
def shadow_scene(first_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Feed a meter by the ledger of another desk, once for the whole run."""
    with first_scene.copied_to(tmp_path_factory.mktemp("other")) as desk:
        for _ in range(2):
            desk.done("run")
            desk.sandbox.clock.advance(DAY)
        desk.done("run")
        desk.settle()
        second = replace(desk, folder=tmp_path_factory.mktemp("shadow"))
        second.done("init", "--sandbox", desk.url)
        second.amend(METER, SHADOW)
        return kept_scene(second)


@pytest.fixture
def shadow(shadow_scene: Scene, tmp_path: Path) -> Iterator[Desk]:
    """Give a desk in shadow; what feeds its meter is the ledger of another one."""
    with shadow_scene.copied_to(tmp_path) as desk:
        yield desk


def report(desk: Desk, stripe_customer: str, minutes: int, *, hours_ago: int) -> None:
    """Let another program report minutes more."""
    at = int(desk.sandbox.clock.now().timestamp()) - hours_ago * HOUR
    event = {
        "event_name": "stripe_minutes",
        "timestamp": at,
        "payload[stripe_customer_id]": stripe_customer,
        "payload[value]": minutes,
    }
    answer = httpx2.post(
        f"{desk.url}/v1/billing/meter_events",
        data=event,
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )
    assert answer.status_code == 200, answer.text
    desk.sandbox.clock.advance(600)


def nothing_left(desk: Desk) -> bool:
    """Say whether the ledger has neither events nor attempts."""
    counts = [
        desk.query(f"SELECT count(*) FROM {table}")
        for table in ("meter_event", "meter_attempt", "meter_contact")
    ]
    return counts == [[(0,)]] * 3


def test_nothing_is_staged_or_sent_and_parity_holds(shadow: Desk) -> None:
    done = shadow.json("run")
    assert (done["failed"], done["reconciliations"]) == (False, [])
    assert done["shadow"]["broken"] == []
    assert done["shadow"]["held_days"] > 5
    assert len(done["sync"]["in_shadow"]) == 8
    assert nothing_left(shadow)
    assert shadow.query("SELECT count(*) FROM b2b_usage") != [(0,)]

    _, first, parity, *_ = shadow.done("status").splitlines()
    assert first.startswith("In shadow: nothing is sent for alder-dental, ")
    assert parity.startswith("Parity has held for ")
    checks = {check["name"]: check for check in shadow.json("doctor")["checks"]}
    assert checks["parity"]["found"].startswith("Parity has held for ")
    assert "first contact" not in checks


def test_a_hold_is_said_before_shadow_is(shadow: Desk) -> None:
    shadow.done("sync", "--hold", "--reason", "a wrong price")
    _, hold, first, *_ = shadow.done("status").splitlines()
    assert "nothing is sent for any customer: held since" in hold
    assert first.startswith("In shadow: ")


@pytest.mark.parametrize(
    "options", [("--now",), ("--retry", "--reason", "fixed"), ("--settle",)]
)
def test_no_sync_sends_and_each_says_so(shadow: Desk, options: tuple[str, ...]) -> None:
    shadow.done("pull", PRESENT)
    assert "In shadow: nothing is sent for " in shadow.done("sync", *options)
    assert nothing_left(shadow)


def test_a_meter_is_kept_only_where_it_differs_or_once_a_day(shadow: Desk) -> None:
    count = "SELECT count(*) FROM shadow_reading"
    shadow.done("run")
    [(first,)] = shadow.query(count)
    assert first == 16  # a month each of eight customers, and of two months
    shadow.sandbox.clock.advance(HOUR)
    shadow.done("run")
    assert shadow.query(count) == [(16,)]
    shadow.sandbox.clock.advance(DAY)
    shadow.done("run")
    assert shadow.query(count) == [(32,)]
    report(shadow, "cus_hazeltravel", 7, hours_ago=30)
    shadow.done("run", code=1)
    assert shadow.query(count) == [(33,)]


def test_broken_parity_is_a_matter_for_a_person(shadow: Desk) -> None:
    shadow.sandbox.clock.advance(DAY)
    report(shadow, "cus_hazeltravel", 7, hours_ago=30)
    done = shadow.json("run", code=1)
    [broken] = done["shadow"]["broken"]
    assert (broken["customer"], done["shadow"]["held_days"]) == ("hazel-travel", 0)
    assert broken["causes"][0]["cause"] == "unknown_calls"
    assert broken["causes"][0]["minutes"] == 7
    for command, code in (("run", 1), ("doctor", 1), ("status", 0)):
        words = " ".join(shadow(command).output.split())
        assert "hazel-travel: parity is broken: on " in words
        assert "(+7 unknown_calls)" in words
        assert shadow(command).exit_code == code
    assert nothing_left(shadow)


def test_the_parity_sheet_is_a_table_and_every_kind_of_file(
    shadow: Desk, tmp_path: Path
) -> None:
    shadow.sandbox.clock.advance(DAY)
    report(shadow, "cus_hazeltravel", 7, hours_ago=30)
    shadow.done("run", code=1)
    text = shadow.done("report", "parity", PRESENT)
    assert "+7 unknown_calls" in text
    assert "Parity is broken for hazel-travel." in text
    hourly = shadow.done("report", "parity", PRESENT, "--by", "hour")
    assert "where it differs" in hourly
    assert hourly.count("unknown_calls") == 2  # the cause, and the hour that has it

    lines = shadow.done("report", "parity", PRESENT, "--by", "hour", "--csv")
    rows = list(csv.DictReader(io.StringIO(lines)))
    *hours, total = (int(row["difference"]) for row in rows)
    assert sum(hours) == total == 7
    document = shadow.json("report", "parity", PRESENT, "--customer", "hazel-travel")
    [customer] = document["customers"]
    assert sum(day["difference_minutes"] for day in customer["days"]) == 7
    for form in ("csv", "xlsx", "json", "parquet"):
        file = tmp_path / f"sheet.{form}"
        shadow.done("report", "parity", LAST, "--output", str(file))
        assert file.stat().st_size > 500


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ("report", "parity", PRESENT),
            "no meter was read by the hour in 2026-03; set",
        ),
        (("reconcile", LAST), "every customer is in shadow"),
    ],
)
def test_what_has_nothing_to_show_yet_says_what_to_do(
    shadow: Desk, command: tuple[str, ...], words: str
) -> None:
    assert words in shadow(*command).output
    assert shadow(*command).exit_code == 2


def test_an_unknown_customer_is_refused_with_those_that_were_read(shadow: Desk) -> None:
    shadow.done("run")
    done = shadow("report", "parity", PRESENT, "--customer", "hazel-travl")
    assert done.exit_code == 2
    assert "did you mean hazel-travel?" in done.output


def test_a_month_in_shadow_cannot_be_closed(shadow: Desk) -> None:
    shadow.done("run")
    for words in (("--dry-run",), ()):
        closed = shadow.json("close", LAST, *words, code=1)
        first: dict[str, Any] = closed["obstacles"][0]
        assert (first["kind"], first["count"]) == ("in_shadow", 8)
        assert "pamela-billing adopt" in first["remedy"]
    assert nothing_left(shadow)


def test_who_sends_by_itself_is_not_put_into_shadow(desk: Desk) -> None:
    desk.done("run")
    desk.amend(METER, SHADOW)
    for command in ("run", "sync", "pull"):
        refused = desk(command)
        assert refused.exit_code == 2
        assert 'stripe.send: "shadow" is refused: this ledger has sent for ' in (
            refused.output
        )
    assert desk("doctor").exit_code == 1


@pytest.mark.parametrize(
    ("word", "words"),
    [("shadw", "did you mean shadow?"), ("off", 'it is "meter" or "shadow"')],
)
def test_another_word_is_refused_in_one_sentence(
    desk: Desk, word: str, words: str
) -> None:
    desk.amend(METER, f'{METER}send = "{word}"\n')
    refused = desk("run")
    assert refused.exit_code == 2
    assert words in refused.output
    assert len(refused.output.strip().splitlines()) == 1


def test_a_meter_with_parts_of_minutes_cannot_be_compared(shadow: Desk) -> None:
    event = {
        "event_name": "stripe_minutes",
        "payload[stripe_customer_id]": "cus_hazeltravel",
        "payload[value]": "1.25",
    }
    key = {"Authorization": "Bearer sk_test_sandbox"}
    httpx2.post(f"{shadow.url}/v1/billing/meter_events", data=event, headers=key)
    shadow.sandbox.clock.advance(600)
    done = shadow.json("run", code=1)
    [fault] = done["shadow"]["errors"]
    assert fault.startswith("the meter of hazel-travel cannot be compared in 2026-03: ")
    assert "not whole" in fault
