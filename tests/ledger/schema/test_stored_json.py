"""JSON of another kind than was written is somebody's edit, and ends in a sentence."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from billing.errors import UnreadableValue
from billing.ledger.audit.events import State, newest_events, notes_of_action
from billing.ledger.database import Ledger
from billing.ledger.integrity.checks import integrity_status
from billing.ledger.stored_json import stored_names, stored_object
from billing.pipeline.integrity import check_invariants
from billing.reports.status.audit_trail import TrailEntry
from tests.ledger.integrity.sound_ledger import damage, disarm
from tests.pipeline.bench import Bench

NO_JSON = ("", "{", "x", "[1", "[" * 100_000)


@pytest.mark.parametrize("found", [*NO_JSON, "5", '"a"', "null", "{}", "[5]", "[[]]"])
def test_a_list_of_texts_is_nothing_else(found: str) -> None:
    with pytest.raises(UnreadableValue, match="where a list of texts is due"):
        stored_names(found)


@pytest.mark.parametrize("found", [*NO_JSON, "5", '"a"', "null", "[]", '[["a", 1]]'])
def test_an_object_is_nothing_else(found: str) -> None:
    with pytest.raises(UnreadableValue, match="where an object is due"):
        stored_object(found)


def test_what_was_written_is_read() -> None:
    assert stored_names('["a", "b"]') == ("a", "b")
    assert stored_object('{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "found",
    [
        "5",
        "[]",
        "{}",
        '{"last": 5, "balance": {}}',
        '{"last": {"call": "1"}, "balance": {}}',
        '{"last": {}, "balance": {"rows": "1"}}',
        '{"last": {}, "balance": {"rows": true}}',
        '{"last": {}, "balance": {"hours": 1}}',
    ],
)
def test_a_state_of_the_trail_is_whole_numbers(found: str) -> None:
    with pytest.raises(UnreadableValue, match="a state of the trail"):
        State.read(found)


def read_status(ledger: Ledger) -> object:
    with ledger.reading() as connection:
        return integrity_status(connection)


def read_events(ledger: Ledger) -> object:
    with ledger.reading() as connection:
        events = newest_events(connection, 1, "")
    return [TrailEntry(event).document() for event in events]


def read_notes(ledger: Ledger) -> object:
    with ledger.reading() as connection:
        action = connection.execute(text("SELECT max(action) FROM audit_event"))
        return [*notes_of_action(connection, action.scalar_one(), lambda d: d["is"])]


@pytest.mark.parametrize(
    ("edit", "read"),
    [
        ("UPDATE law_check SET faults = '[]'", read_status),
        ("UPDATE audit_event SET covers = '5'", read_events),
        ("UPDATE audit_event SET covers = '[5]'", read_events),
        ("UPDATE audit_event SET detail = '[]'", read_events),
        ("UPDATE audit_event SET detail = '5'", read_notes),
        ("UPDATE audit_event SET detail = '{\"each\": [5]}'", read_notes),
        ("UPDATE audit_event SET detail = '{}'", read_notes),
    ],
)
def test_what_is_shown_of_an_edited_row_is_a_sentence(
    sqlite_ledger: Ledger, edit: str, read: Callable[[Ledger], object]
) -> None:
    check_invariants(sqlite_ledger, Bench(ledger=sqlite_ledger).clock.now())
    disarm(sqlite_ledger)
    damage(sqlite_ledger, edit)
    with pytest.raises(UnreadableValue, match="somebody edited it by hand"):
        read(sqlite_ledger)
