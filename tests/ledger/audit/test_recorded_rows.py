"""What the trail recorded: rows are compared with it before they move or are frozen."""

import json
from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy import text

from billing.domain.period import Window
from billing.errors import AlteredRows, UncoveredRows
from billing.ledger.audit import audit_log
from billing.ledger.audit.covered_tables import BINDING, TABLES
from billing.ledger.audit.recorded.comparison import standing
from billing.ledger.audit.recorded.month_rows import gone, month_faults
from billing.ledger.audit.recorded.newest_digests import index_faults, remember_all
from billing.ledger.audit.row_reader import Condition, among
from billing.ledger.close import period_close
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.schema.tables import account, customer
from tests.ledger.bookkeeping import ACTOR, MARCH, NOON, reading, record, register, rows
from tests.ledger.integrity.sound_ledger import damage, disarm

EVERY = "IS NOT NULL"
INDEX = "SELECT name, key, sha256, event FROM row_digest ORDER BY name, key"
RANGES = "SELECT name, period, first, last, rows, sha256 FROM row_range ORDER BY 1, 3"
REVISED = reading("plain", seconds=900)
# What is altered, and the row that a pull of call `plain` names.
UNDER_A_REVISION = {
    "its revision": ("UPDATE call SET minutes_gap = 1 WHERE call_id = 'plain'", "call"),
    "its usage": (
        "UPDATE b2b_usage SET billed_minutes = 1 WHERE call_id = 'plain'",
        "b2b_usage",
    ),
}
IN_THE_MONTH = {
    "a call": "UPDATE call SET minutes_gap = 1 WHERE call_id = 'less'",
    "an event": "UPDATE meter_event SET tries = 9 WHERE id = 2",
    "an attempt": "UPDATE meter_attempt SET owner = 'you' WHERE event_id = 2",
    "a pull": "UPDATE pull SET fetched = 99 WHERE id = 2",
    "a binding": "UPDATE b2b_usage SET meter_event_id = NULL WHERE meter_event_id = 2",
}


def folded(ledger: Ledger) -> tuple[dict[str, dict[str, str]], set[tuple[Any, ...]]]:
    """Fold the trail from its first event: each row's newest digest, and all ranges."""
    newest: dict[str, dict[str, str]] = defaultdict(dict)
    ranges = set()
    for (covers,) in rows(ledger, "SELECT covers FROM audit_event ORDER BY id"):
        for cover in json.loads(str(covers)):
            name = cover["table"]
            for key, digest, *before in cover.get("each", []):
                assert before in ([], [newest[name].get(str(key))])
                newest[name][str(key)] = digest
            if "first" in cover:
                fields = ("period", "first", "last", "rows", "sha256")
                ranges.add((name, *(cover[field] for field in fields)))
    return newest, ranges


def test_the_tables_are_what_the_trail_makes_when_it_is_folded(sound: Ledger) -> None:
    """I31: no row is there that the trail has not, and none is missing."""
    newest, ranges = folded(sound)
    names = [BINDING, *(name for name, covered in TABLES.items() if covered.each)]
    with sound.reading() as connection:
        for name in names:
            found = standing(connection, name, Condition("1 = 1"))
            assert {str(key): found[key] for key in found} == newest[name]
        assert list(month_faults(connection, EVERY)) == []
        assert list(gone(connection)) == []
    assert set(rows(sound, RANGES)) == ranges


KEYS: dict[str, list[tuple[Any, ...]]] = {
    "t.id": [(1,), (2, 3), tuple(range(1, 40))],
    "t.name": [("mine",), ("it's", 'a "name"')],
}


@pytest.mark.parametrize("column", KEYS)
def test_rows_are_asked_for_in_the_same_words_whichever_they_are(
    sound: Ledger, column: str
) -> None:
    """Else the database reads and plans each question of a transaction anew."""
    with sound.reading() as connection:
        asked = [among(connection, column, keys) for keys in KEYS[column]]
        words = [condition.sql for (condition,) in map(tuple, asked)]
    assert len(set(words)) == 1


def test_who_is_registered_is_what_the_trail_says(sound: Ledger) -> None:
    said: dict[str, dict[str, Any]] = {"customer": {}, "account": {}}
    query = "SELECT action, subject, detail FROM audit_event ORDER BY id"
    for action, subject, detail in rows(sound, query):
        kind = str(action).removesuffix(".registered")
        if kind in said:
            notes = json.loads(str(detail))
            for name, note in notes.get("each", [[subject, notes]]):
                said[kind][name] = note["is"]
    held = {
        "customer": {
            name: {"stripe_customer": address}
            for name, address in rows(
                sound, "SELECT name, stripe_customer FROM customer"
            )
        },
        "account": {
            name: {"customer": whose, "customer_metadata_key": key}
            for name, whose, key in rows(
                sound, "SELECT name, customer, customer_metadata_key FROM account"
            )
        },
    }
    assert said == held
    assert said["customer"]


def test_the_index_is_the_same_when_it_is_made_anew(sound: Ledger) -> None:
    before = rows(sound, INDEX), rows(sound, RANGES)
    disarm(sound)
    damage(sound, "DELETE FROM row_digest", "DELETE FROM row_range")
    with sound.engine.begin() as connection:
        assert len(list(index_faults(connection))) == 2
        remember_all(connection)
        assert list(index_faults(connection)) == []
    assert (rows(sound, INDEX), rows(sound, RANGES)) == before


@pytest.mark.parametrize("case", UNDER_A_REVISION)
def test_a_pull_corrects_nothing_that_was_altered(sound: Ledger, case: str) -> None:
    statement, table = UNDER_A_REVISION[case]
    disarm(sound)
    damage(sound, statement)
    before = rows(sound, "SELECT count(*) FROM b2b_usage")
    with pytest.raises(AlteredRows, match=f"of {table}: not as the audit trail"):
        record(sound, REVISED)
    assert rows(sound, "SELECT count(*) FROM b2b_usage") == before


@pytest.mark.parametrize("case", IN_THE_MONTH)
def test_a_month_that_was_altered_is_not_frozen(sound: Ledger, case: str) -> None:
    disarm(sound)
    damage(sound, IN_THE_MONTH[case])
    with (
        pytest.raises(AlteredRows, match="as the audit trail recorded it"),
        sound.writing() as connection,
    ):
        period_close.freeze(connection, MARCH, ACTOR, run=1, reason=None)
    assert rows(sound, "SELECT count(*) FROM period_close") == [(1,)]


def test_a_row_is_compared_before_it_moves(sound: Ledger) -> None:
    disarm(sound)
    damage(sound, "UPDATE customer SET stripe_customer = 'cus_x' WHERE name = 'acme'")
    with sound.writing() as connection:
        audit_log.touch(connection, customer, ["globex", "new"])
        audit_log.touch(connection, account, ["main"])
        with pytest.raises(AlteredRows, match="row acme of customer is not as"):
            audit_log.touch(connection, customer, ["acme"])


def test_what_another_session_commits_meanwhile_is_not_covered(
    postgres_ledger: Ledger,
) -> None:
    """On PostgreSQL the order of numbers does not say whose a row is."""
    forged = (
        "INSERT INTO pull (account, period, scope, window_start, window_end, "
        "started_at, state) "
        "VALUES ('main', '2026-03', 'month', now(), now(), now(), 'running')"
    )
    register(postgres_ledger)
    before = rows(postgres_ledger, "SELECT count(*) FROM audit_event")
    with pytest.raises(UncoveredRows, match="rows 1 to 1 of pull came from"):
        pull_while_another_does(postgres_ledger, forged)
    assert rows(postgres_ledger, "SELECT count(*) FROM audit_event") == before


def pull_while_another_does(ledger: Ledger, statement: str) -> None:
    window = Window(NOON, NOON)
    with ledger.writing() as connection:
        audit_log.touch(connection, account, ["main"])
        with ledger.engine.begin() as other:
            other.execute(text(statement))
        pulls.start_pull(
            connection, "main", MARCH, scope="month", window=window, now=NOON
        )
