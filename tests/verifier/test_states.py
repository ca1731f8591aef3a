"""States: what each event says of a row follows from what the one before it said."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from billing.verifier.findings import BadRecord
from billing.verifier.shapes import BINDING
from billing.verifier.states import RowStates
from billing.verifier.workspace import open_workspace

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
EVENT = "meter_event"
NOT_SO = "was not as the event before said of it"


@pytest.fixture
def work() -> Iterator[sqlite3.Connection]:
    with open_workspace() as work:
        yield work


def take(states: RowStates, number: int, *said: Any, table: str, last: int) -> None:
    """Let an event say something of rows, when a table had so many of them."""
    cover = {"table": table, "period": "2026-03", "each": list(said)}
    states.take(f"event {number}", number, cover, {EVENT: last} if last else {})


@pytest.mark.parametrize(
    "steps",
    [
        # (what is said of a row: its key, what it is, what it was; how many there were)
        [([1, A], 0), ([1, B, A], 1), ([1, C, B], 1)],
        [([1, A], 0), ([1, B, A], 1), ([2, A], 1), ([2, C, A], 2)],
        # Before any event said what was, none has to.
        [([1, A], 0), ([1, B], 1), ([1, C], 1), ([1, A, C], 1)],
        [([1, A], 0), ([1, A, A], 1)],
    ],
)
def test_each_state_follows_from_the_one_before(
    work: sqlite3.Connection, steps: list[tuple[list[Any], int]]
) -> None:
    states = RowStates(work)
    for number, (said, last) in enumerate(steps, 1):
        take(states, number, said, table=EVENT, last=last)
    newest = dict(work.execute("SELECT key, lower(hex(sha)) FROM entry"))
    assert newest == {said[0]: said[1] for said, _ in steps}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([([1, A, B], 0)], "it says what the new row 1 of meter_event was"),
        ([([1, A], 0), ([1, B, A], 1), ([2, A, B], 1)], "what the new row 2"),
        ([([1, A], 0), ([1, B, A], 1), ([1, C], 1)], NOT_SO),
        ([([1, A], 0), ([1, B, A], 1), ([1, C, A], 1)], NOT_SO),
        ([([1, A], 0), ([1, B, A], 1), ([1, C, B, A], 1)], NOT_SO),
        # A row that was there, and of which no event ever said anything.
        ([([1, A], 0), ([1, B, A], 2), ([2, C, A], 2)], NOT_SO),
    ],
)
def test_what_does_not_follow_is_found(
    work: sqlite3.Connection, steps: list[tuple[list[Any], int]], words: str
) -> None:
    states = RowStates(work)
    for number, (said, last) in enumerate(steps[:-1], 1):
        take(states, number, said, table=EVENT, last=last)
    said, last = steps[-1]
    with pytest.raises(BadRecord, match=words):
        take(states, 9, said, table=EVENT, last=last)


def test_bindings_are_as_new_as_their_events_and_names_are_never_new(
    work: sqlite3.Connection,
) -> None:
    states = RowStates(work)
    take(states, 1, [1, A], table=BINDING, last=0)
    take(states, 2, [1, B, A], table=BINDING, last=1)
    take(states, 3, [2, A], table=BINDING, last=1)
    with pytest.raises(BadRecord, match="what the new row 3"):
        take(states, 4, [3, A, B], table=BINDING, last=2)
    take(states, 5, ["acme", A], table="customer", last=0)
    take(states, 6, ["acme", B, A], table="customer", last=0)
    with pytest.raises(BadRecord, match=f"row 'acme' of customer {NOT_SO}"):
        take(states, 7, ["acme", C], table="customer", last=0)


def test_an_entry_knows_since_when_its_row_is_as_it_is(
    work: sqlite3.Connection,
) -> None:
    states = RowStates(work)
    for number, said in ((4, [1, A]), (5, [1, B, A]), (6, [1, B, B])):
        take(states, number, said, table=EVENT, last=number - 4)
    ((since, sequence),) = work.execute("SELECT since, sequence FROM entry")
    assert (since, sequence) == (5, 6)


@pytest.mark.parametrize(
    ("reason", "trail", "is_wrong"),
    [
        ("voided", "event.voided", False),
        (None, "event.replaced", False),
        ("rejected", "event.failed", False),
        ("voided", "event.failed", True),
        (None, "event.voided", True),
        ("rejected", "event.voided", True),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_what_is_given_up_is_so_in_its_row_and_in_the_trail(
    work: sqlite3.Connection,
    reason: str | None,
    trail: str,
    is_wrong: bool,
    together: bool,
) -> None:
    row = "INSERT INTO meter_event (id, identifier, reason) VALUES (7, 'name', ?)"
    work.execute(row, (reason,))
    states = RowStates(work)
    said = {"event": "name"}
    states.note(trail, "acme", {"each": [["acme", said]]} if together else said)
    if is_wrong:
        with pytest.raises(BadRecord, match="row 7: its row or the trail says"):
            states.check()
    else:
        states.check()


@pytest.mark.parametrize(
    ("action", "stripe_customer", "is_wrong"),
    [
        ("customer.registered", "cus_1", False),
        ("customer.registered", "cus_2", True),
        # Nobody registered it: the rows of before are as they are.
        ("customer.renamed", "cus_2", False),
    ],
)
def test_who_was_registered_is_as_it_was_said_last(
    work: sqlite3.Connection, action: str, stripe_customer: str, is_wrong: bool
) -> None:
    row = "INSERT INTO customer (name, stripe_customer) VALUES ('acme', 'cus_1')"
    work.execute(row)
    states = RowStates(work)
    for said in ("cus_0", stripe_customer):
        states.note(action, "acme", {"is": {"stripe_customer": said}})
    if is_wrong:
        with pytest.raises(BadRecord, match="row 'acme': it is not as it was"):
            states.check()
    else:
        states.check()


@pytest.mark.parametrize(
    ("said", "is_wrong"),
    [
        ({"customer": "acme", "customer_metadata_key": None}, False),
        ({"customer": "globex", "customer_metadata_key": None}, True),
        ({"customer": "acme", "customer_metadata_key": "customer"}, True),
    ],
)
def test_an_account_belongs_to_whom_it_was_said_to_last(
    work: sqlite3.Connection, said: dict[str, Any], is_wrong: bool
) -> None:
    work.execute("INSERT INTO account (name, customer) VALUES ('main', 'acme')")
    states = RowStates(work)
    states.note("account.registered", "main", {"is": said})
    if is_wrong:
        with pytest.raises(BadRecord, match="row 'main': it is not as it was"):
            states.check()
    else:
        states.check()
