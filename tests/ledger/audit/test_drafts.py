"""Audit events as they are drafted: when, by whom, of what, from what was noted."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import text

from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor, AuditSession
from billing.ledger.audit.export_lines import binding_lines
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import account
from billing.ledger.sync import outbox
from billing.ledger.sync.event_rows import release
from tests.ledger.bookkeeping import (
    ACTOR,
    NOON,
    reading,
    record,
    register,
    rows,
    stage,
)

H = timedelta(hours=1)
NEWEST = "SELECT at, actor, action, subject, detail FROM audit_event ORDER BY id DESC"


def newest(ledger: Ledger) -> tuple[object, ...]:
    at, actor, action, subject, detail = rows(ledger, NEWEST)[0]
    return (
        str(at)[:19].replace(" ", "T"),
        actor,
        action,
        subject,
        json.loads(str(detail)),
    )


def when(hours: int) -> str:
    return (ACTOR.at + hours * H).isoformat()[:19]


@pytest.mark.parametrize("hours", [(1, 5), (5, 1)])
def test_an_event_is_as_late_as_the_latest_of_its_notes(
    ledger: Ledger, hours: tuple[int, int]
) -> None:
    with ledger.writing() as connection:
        for hour in hours:
            who = Actor("bob", ACTOR.at + hour * H)
            audit_log.record(connection, who, "looked", "acme", {"hour": hour})
    each = {"each": [["acme", {"hour": hour}] for hour in hours]}
    assert newest(ledger) == (when(5), "bob", "looked", "acme", each)


def test_who_works_on_a_ledger_gives_the_time_of_what_is_only_noted(
    ledger: Ledger,
) -> None:
    ledger.audit_session = AuditSession("alice", lambda: ACTOR.at + 7 * H)
    with ledger.writing() as connection:
        audit_log.note(connection, "noted", "acme", {"a": 1})
    assert newest(ledger) == (when(7), "alice", "noted", "acme", {"a": 1})


def test_without_a_clock_an_event_is_as_late_as_the_one_before(ledger: Ledger) -> None:
    register(ledger)
    with ledger.writing() as connection:
        audit_log.note(connection, "noted", "acme")
    assert newest(ledger) == (when(0), "unnamed", "noted", "acme", {})


def test_notes_of_several_persons_are_events_of_their_own(ledger: Ledger) -> None:
    before = len(rows(ledger, NEWEST))
    with ledger.writing() as connection:
        for name in ("ada", "bob", "ada"):
            audit_log.record(connection, Actor(name, ACTOR.at), "looked", "acme", {})
    added = [row[1] for row in rows(ledger, NEWEST)][: -before or None]
    assert added == ["bob", "ada"]


def test_the_hash_of_an_event_is_that_of_all_its_parts(filled: Ledger) -> None:
    parts = "id, at, actor, action, subject, reason, detail, covers, state, previous"
    names = parts.replace("id,", "sequence,", 1).split(", ")
    for *values, hashed in rows(
        filled, f"SELECT {parts}, hash FROM audit_event ORDER BY id"
    ):
        event = dict(zip(names, values, strict=True))
        for name in ("detail", "covers", "state"):
            event[name] = json.loads(str(event[name]))
        moment = datetime.fromisoformat(str(event["at"]))
        event["at"] = moment.replace(tzinfo=UTC).isoformat()
        line = json.dumps(
            event, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        assert sha256(line.encode()).hexdigest() == hashed


def test_the_rows_of_an_event_are_covered_by_their_numbers(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, *(reading(f"call_{number}") for number in range(3)))
    record(ledger, reading("another", started_at=NOON + H))
    stage(ledger)
    with ledger.writing() as connection:
        release(connection, outbox.event_numbered(connection, 2))
    with ledger.reading() as connection:
        carried = {row.key: row.line for row in binding_lines(connection)}
    assert carried == {1: b"[1,2,3]", 2: b"[]"}


def test_an_update_that_meets_no_row_needs_no_event(ledger: Ledger) -> None:
    register(ledger)
    before = rows(ledger, NEWEST)
    with ledger.writing() as connection:
        audit_log.touch(connection, account, ["nobody"])
        connection.execute(text("UPDATE account SET customer = 'x' WHERE name = 'y'"))
    assert rows(ledger, NEWEST) == before


def test_a_row_that_moves_is_told_with_what_it_was(ledger: Ledger) -> None:
    register(ledger)
    # What is written again as it was is no change.
    for customer, is_change in (("globex", True), ("globex", False), ("acme", True)):
        before = len(rows(ledger, NEWEST))
        with ledger.writing() as connection:
            audit_log.touch(connection, account, ["main"])
            change = text("UPDATE account SET customer = :to WHERE name = 'main'")
            connection.execute(change, {"to": customer})
        assert len(rows(ledger, NEWEST)) - before == is_change
    said = [
        entry
        for (covers,) in rows(ledger, "SELECT covers FROM audit_event ORDER BY id")
        for cover in json.loads(str(covers))
        if cover["table"] == "account"
        for entry in cover["each"]
        if entry[0] == "main"
    ]
    first, moved = said[0][1], said[1][1]
    assert said == [["main", first], ["main", moved, first], ["main", first, moved]]
