"""The audit trail: every change is in it, and no change escapes it."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text

from billing.domain.invariants import Invariant
from billing.ledger.audit import audit_log, schema_history
from billing.ledger.audit.audit_log import Actor, AuditSession
from billing.ledger.audit.export_lines import BINDING, TABLES, binding_lines, lines
from billing.ledger.audit.sealing import UNNAMED
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.ledger.schema.tables import account
from tests.ledger.bookkeeping import ACTOR, reading, record, register, rows, stage
from tests.ledger.filling import fill
from tests.ledger.integrity.sound_ledger import disarm

CHAIN = (
    "SELECT id, actor, action, reason, covers, state, previous, hash "
    "FROM audit_event ORDER BY id"
)
ONE_MINUTE = "UPDATE b2b_usage SET billed_minutes = billed_minutes + 1 WHERE id = 1"
UNNAMED_CHANGES = (
    "UPDATE account SET customer = 'globex'",
    "INSERT INTO customer SELECT 'new', 'cus_new', registered_at FROM customer LIMIT 1",
    "UPDATE pull SET error = 'x'",
    "UPDATE b2b_usage SET meter_event_id = NULL",
)
DAMAGE = {
    "a minute more": ONE_MINUTE,
    "a micro-unit less": "UPDATE b2b_usage SET amount_micro = amount_micro - 1 "
    "WHERE id = 2",
    "a row of usage gone": "DELETE FROM b2b_usage WHERE id = 1",
    "the last call gone": "DELETE FROM call WHERE id = (SELECT max(id) FROM call)",
    "the last event of the trail gone": "DELETE FROM audit_event "
    "WHERE id = (SELECT max(id) FROM audit_event)",
    "an actor changed": "UPDATE audit_event SET actor = 'nobody' WHERE id = 2",
    "an event's covers changed": "UPDATE audit_event SET covers = '[]' WHERE id = 3",
}


def covered(ledger: Ledger) -> dict[tuple[str, object], str]:
    """Return the last digest that the trail has of each row or range of rows."""
    digests: dict[tuple[str, object], str] = {}
    for *_, covers, _state, _previous, _hash in rows(ledger, CHAIN):
        for cover in json.loads(str(covers)):
            name = cover["table"]
            for key, digest, *_before in cover.get("each", []):
                digests[name, key] = digest
            if "sha256" in cover:
                place = cover["period"], cover["first"], cover["last"]
                digests[name, place] = cover["sha256"]
    return digests


def present(ledger: Ledger, name: str) -> dict[int | str, bytes]:
    with ledger.reading() as connection:
        read = binding_lines(connection) if name == BINDING else lines(connection, name)
        return {row.key: row.line for row in read}


def broken(ledger: Ledger) -> set[Invariant]:
    with ledger.reading() as connection:
        return {
            invariant for invariant, words in find_faults(connection).items() if words
        }


def test_the_chain_has_no_gap_and_each_event_names_the_one_before(
    filled: Ledger,
) -> None:
    before = "0" * 64
    chain = rows(filled, CHAIN)
    assert [number for number, *_ in chain] == list(range(1, len(chain) + 1))
    for *_, previous, hashed in chain:
        assert previous == before
        before = str(hashed)


@pytest.mark.parametrize(
    "name", [name for name, covered in TABLES.items() if covered.each]
)
def test_the_last_digest_of_a_row_is_that_of_the_row_as_it_is(
    filled: Ledger, name: str
) -> None:
    digests = covered(filled)
    rows_now = present(filled, name)
    assert rows_now
    for key, line in rows_now.items():
        assert digests[name, key] == sha256(line).hexdigest()


def test_what_an_event_carries_is_covered_as_it_is(filled: Ledger) -> None:
    digests = covered(filled)
    for event, line in present(filled, BINDING).items():
        assert digests[BINDING, event] == sha256(line).hexdigest()


@pytest.mark.parametrize(
    "name", [name for name, covered in TABLES.items() if not covered.each]
)
def test_rows_that_are_only_added_are_covered_range_by_range(
    filled: Ledger, name: str
) -> None:
    ranges = {
        place: digest
        for (table, place), digest in covered(filled).items()
        if table == name and isinstance(place, tuple)
    }
    uncovered = present(filled, name)
    assert uncovered
    with filled.reading() as connection:
        months = {row.key: row.period for row in lines(connection, name)}
    for (month, first, last), digest in ranges.items():
        keys = [
            key
            for key in sorted(uncovered)
            if first <= key <= last and months[key] == month
        ]
        body = b"".join(uncovered.pop(key) + b"\n" for key in keys)
        assert sha256(body).hexdigest() == digest
    assert uncovered == {}


def test_both_databases_have_the_same_trail(
    sqlite_ledger: Ledger, postgres_ledger: Ledger
) -> None:
    for ledger in (sqlite_ledger, postgres_ledger):
        fill(ledger)
    assert rows(sqlite_ledger, CHAIN) == rows(postgres_ledger, CHAIN)


def test_what_the_code_does_has_a_name(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading("call_1"))
    stage(ledger)
    actions = {action for _, _, action, *_ in rows(ledger, CHAIN)}
    assert {"customer.registered", "pull.started", "events.staged"} <= actions


def test_a_change_that_names_no_rows_is_an_error_of_ours(ledger: Ledger) -> None:
    register(ledger)
    before = rows(ledger, CHAIN)
    for statement in UNNAMED_CHANGES:
        with (
            pytest.raises(RuntimeError, match="named before"),
            ledger.writing() as connection,
        ):
            connection.execute(text(statement))
    assert rows(ledger, CHAIN) == before


def test_a_change_without_a_note_is_covered_all_the_same(ledger: Ledger) -> None:
    register(ledger)
    with ledger.writing() as connection:
        audit_log.touch(connection, account, ["main"])
        connection.execute(text("UPDATE account SET customer = 'globex'"))
    _, actor, action, reason, covers, *_ = rows(ledger, CHAIN)[-1]
    assert (actor, action, reason) == ("unnamed", UNNAMED, None)
    [cover] = json.loads(str(covers))
    assert (cover["table"], [entry[0] for entry in cover["each"]]) == (
        "account",
        ["main"],
    )


def test_who_works_on_a_ledger_is_named_in_what_it_does(ledger: Ledger) -> None:
    ledger.audit_session = AuditSession("alice, pamela-billing pull", lambda: ACTOR.at)
    with ledger.writing() as connection:
        audit_log.note(connection, "noted", "something")
    assert rows(ledger, CHAIN)[-1][1] == "alice, pamela-billing pull"


def test_notes_that_say_the_same_of_several_are_one_event(ledger: Ledger) -> None:
    who = Actor("bob", ACTOR.at)
    before = len(rows(ledger, CHAIN))
    with ledger.writing() as connection:
        for name in ("acme", "globex"):
            audit_log.record(
                connection, who, "looked", name, {"at": name}, reason="asked"
            )
    added = rows(ledger, "SELECT subject, detail, reason FROM audit_event ORDER BY id")
    ((subject, detail, reason),) = added[before:]
    assert (subject, reason) == ("2 subjects", "asked")
    each = [["acme", {"at": "acme"}], ["globex", {"at": "globex"}]]
    assert json.loads(str(detail)) == {"each": each}


def test_a_transaction_that_changes_nothing_leaves_no_event(ledger: Ledger) -> None:
    before = rows(ledger, CHAIN)
    with ledger.writing() as connection:
        connection.execute(text("SELECT 1"))
    assert rows(ledger, CHAIN) == before


def test_each_event_carries_the_balance_of_all_usage(sound: Ledger) -> None:
    balance = json.loads(str(rows(sound, CHAIN)[-1][5]))["balance"]
    sums = "SELECT count(*), sum(billed_minutes), sum(amount_micro) FROM b2b_usage"
    ((count, minutes, amount),) = rows(sound, sums)
    assert balance == {
        "rows": count,
        "minutes": int(str(minutes)),
        "amount_micro": int(str(amount)),
    }


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_by_hand_is_found_by_the_next_check(sound: Ledger, damage: str) -> None:
    assert broken(sound) == set()
    by_hand(sound, lambda raw: raw.execute(text(DAMAGE[damage])))
    assert Invariant.TRAIL in broken(sound)


def test_a_trigger_that_is_taken_away_is_missed(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        schema_history.record_upgrade(connection, ACTOR, "head")
    assert broken(ledger) == set()
    disarm(ledger)
    assert broken(ledger) == {Invariant.TRAIL}


def by_hand(ledger: Ledger, change: Callable[[Any], object]) -> None:
    """Change the database past the ledger's door, without its triggers."""
    disarm(ledger)
    with ledger.engine.begin() as connection:
        change(connection)
