"""A ledger of version 0.1.0 goes on with this code: nothing doubled, lost or broken."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.upgrade.calls import (
    DELETED_MINUTES,
    EXPIRED_MINUTES,
    FOREIGN_MINUTES,
    VOIDED_MINUTES,
    at,
)
from tests.upgrade.desk import Desk, Document, counted_twice
from tests.upgrade.fixture import VERSION_0_1_0, unpacked
from tests.upgrade.packing import BUNDLE, EXPECTED, describe

CLOSED, OVER = "2026-01", "2026-02"
HOUR = timedelta(hours=1)
# Hour by hour while an outcome is unknown and round the month's end; else by the day.
FIRST_HOURS = tuple(at(3, 12, hour, 50) for hour in (11, 12, 13, 14))
# A minute later each day, since reads that prove silence are a whole day apart.
DAYS = tuple(at(3, day, 19, day) for day in (13, 14, 15, 16, 17, 20, 23, 30))
LAST_HOURS = tuple(
    at(3, 31, 19, 31) + hour * HOUR for hour in (0, 4, 5, 6, 7, 11, 12, 13)
)
# Stripe's minutes less Pamela's, for good: each of them is a break that people know.
STAYS = {
    "alder-dental": FOREIGN_MINUTES,
    "cedar-optics": DELETED_MINUTES - VOIDED_MINUTES,
    "hazel-travel": -EXPIRED_MINUTES,
}

# What is open when all is settled; of March nothing is.
BREAKS_AT_THE_END = Counter(
    {
        "expired": 1,
        "foreign_event": 1,
        "invoiced_before_it_arrived": 2,
        "missing_at_source": 1,
        "voided": 1,
    }
)
# What may be found meanwhile: two events were rejected, two calls came or changed too
# late, and five minutes that another program sent are opened anew while their month
# is not settled: they are above the ledger at once, and foreign after two readings.
MAY_COME = {
    "above_ledger",
    "foreign_event",
    "in_flight",
    "invoiced_before_it_arrived",
    "not_staged",
    "rejected",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give a desk with the ledger of 0.1.0, once on each database."""
    on_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if on_postgres else None
    with unpacked(tmp_path, url) as ready:
        yield ready


@pytest.fixture(scope="module")
def expected() -> Document:
    """Give what was true when the ledger was left."""
    document: Document = json.loads((VERSION_0_1_0 / EXPECTED).read_text())
    return document


def test_the_ledger_is_as_it_was_left(desk: Desk, expected: Document) -> None:
    described = describe(desk)
    started = datetime.fromisoformat(described.pop("now"))
    left = {name: expected[name] for name in described}
    assert described == left
    assert started - datetime.fromisoformat(expected["now"]) < HOUR


def test_an_upgraded_ledger_is_sound(
    desk: Desk, expected: Document, tmp_path: Path
) -> None:
    desk.json("db", "upgrade")
    assert desk.json("db", "check")["sound"]
    assert desk.json("db", "verify")["verdict"] == "PASS"
    assert desk.json("status")["rows"] == expected["status"]
    assert describe(desk)["states"] == expected["states"]
    assert desk.json("doctor", codes=(0, 1))
    _closed_month_is_as_before(desk, expected, tmp_path)


def test_an_upgraded_ledger_moves_to_the_other_database_and_goes_on(
    desk: Desk, expected: Document, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    desk.json("db", "upgrade")
    url = f"sqlite:///{tmp_path / 'moved.db'}"
    if desk.ledger_url.startswith("sqlite"):
        url = request.getfixturevalue("postgres_url")
    before = describe(desk)
    assert desk.json("db", "copy", "--to", url)["tables"]["call"]["rows"]
    desk.amend(desk.ledger_url, url)
    moved = replace(desk, ledger_url=url)
    assert describe(moved)["states"] == before["states"]
    assert moved.json("db", "check")["sound"]
    assert moved.json("db", "verify")["verdict"] == "PASS"
    _closed_month_is_as_before(moved, expected, tmp_path)
    _go_on(moved, FIRST_HOURS)
    assert counted_twice(moved.truth()) == []
    assert moved.json("db", "verify")["verdict"] == "PASS"


def test_a_month_goes_on_to_its_end(
    desk: Desk, expected: Document, tmp_path: Path
) -> None:
    [newest] = desk.rows("SELECT max(id) AS id FROM break_case")
    desk.json("db", "upgrade")
    _go_on(desk, FIRST_HOURS)
    _waits_for_proof(desk)
    _go_on(desk, DAYS[:5])
    assert _undecided_events(desk) == []
    assert desk.json("sync", "--retry", "--reason", "fixed")["clean"]
    _go_on(desk, (*DAYS[5:], *LAST_HOURS))
    _every_minute_counts_once(desk)
    assert _causes(desk, "resolved_at IS NULL") == BREAKS_AT_THE_END
    assert _causes(desk, f"id > {newest['id']}").keys() <= MAY_COME
    _close_the_month_before(desk)
    _closed_month_is_as_before(desk, expected, tmp_path)
    assert desk.json("db", "check")["sound"]
    assert desk.json("db", "verify")["verdict"] == "PASS"


def _go_on(desk: Desk, moments: tuple[datetime, ...]) -> None:
    for moment in moments:
        desk.move_to(moment)
        desk.run()


def _undecided_events(desk: Desk) -> list[Document]:
    return desk.rows(
        "SELECT identifier, reason FROM meter_event WHERE state = 'pending' OR reason "
        "IN ('unanswered', 'uncertain', 'cancelling')"
    )


def _waits_for_proof(desk: Desk) -> None:
    """Lags were never measured: only days of silence prove that nothing counts."""
    reasons = {event["reason"] for event in _undecided_events(desk)}
    assert reasons
    assert reasons <= {"uncertain", "cancelling"}
    lag = desk.json("status")["summary_lag"]
    assert lag["measured_for_long"] is False
    assert lag["expected_seconds"] >= 72 * 3_600


def _every_minute_counts_once(desk: Desk) -> None:
    truth = describe(desk)
    assert counted_twice(desk.truth()) == []
    for customer, months in truth["pamela_minutes"].items():
        counted = truth["stripe_minutes"][f"cus_{customer.replace('-', '')}"]
        due = sum(months.values()) + STAYS.get(customer, 0)
        assert sum(counted.values()) == due, customer


def _causes(desk: Desk, which: str) -> Counter[str]:
    rows = desk.rows(f"SELECT cause FROM break_case WHERE {which}")
    return Counter(row["cause"] for row in rows)


def _close_the_month_before(desk: Desk) -> None:
    """Do what a person has to do first: give up what is too old, and say why."""
    why = ("--reason", "billed by hand")
    [expired] = desk.rows("SELECT identifier FROM meter_event WHERE reason = 'expired'")
    desk.json("sync", "--void", expired["identifier"], *why)
    desk.json("reconcile", OVER, codes=(1,))
    for case in desk.json("breaks", OVER)["breaks"]:
        if case["acknowledged_at"] is None:
            desk.json("breaks", "--acknowledge", str(case["break"]), *why)
    closed = desk.json("close", OVER)
    assert (closed["closed"], closed["obstacles"]) == (True, [])


def _closed_month_is_as_before(desk: Desk, expected: Document, folder: Path) -> None:
    """The digest stands, and the trail was only added to."""
    [closed] = expected["closed"]
    again = desk.json("close", CLOSED)
    assert (again["already"], again["digest"]) == (True, closed["digest"])
    older, newer = VERSION_0_1_0 / BUNDLE, folder / "newer.zip"
    desk.json("export", "audit", CLOSED, "--output", str(newer))
    for line in (
        ("verify", str(older)),
        ("verify", str(newer), "--consistent-with", str(older)),
    ):
        result = desk.type_in(*line, settings=False)
        assert result.exit_code == 0, result.output
