"""Group commit: many threads, few commits, and each answer true once it is given."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event, insert, text

from billing.errors import LedgerFault
from billing.ledger.audit import audit_log
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.group_commit import GroupCommit
from billing.ledger.schema.tables import customer
from tests.ledger.bookkeeping import ACTOR, rows

NAMES = "SELECT name FROM customer ORDER BY name"
PATIENCE = 30


def add(connection: Connection, name: str) -> None:
    row = {"name": name, "stripe_customer": "cus_1", "registered_at": ACTOR.at}
    audit_log.touch(connection, customer, [name])
    connection.execute(insert(customer).values(row))


def note(name: str) -> Callable[[Connection], str]:
    """Make a write that leaves one row."""

    def write(connection: Connection) -> str:
        add(connection, name)
        return name

    return write


def break_off(connection: Connection) -> str:
    add(connection, "broken")
    raise KeyError("broken")


def break_a_rule(connection: Connection) -> str:
    connection.execute(text("INSERT INTO customer (name) VALUES ('nobody')"))
    raise AssertionError("the database took half a row")


def write_together(
    ledger: Ledger, writes: list[Callable[[Connection], str]]
) -> list[BaseException | str]:
    """Hold the writer until every write waits, so that they share a group."""
    go, is_held = threading.Event(), threading.Event()

    def hold(connection: Connection) -> str:
        is_held.set()
        assert go.wait(PATIENCE)
        return note("first")(connection)

    def outcome(write: Callable[[Connection], str]) -> BaseException | str:
        try:
            return writer.write(write)
        except (KeyError, LedgerFault) as fault:
            return fault

    with GroupCommit(ledger) as writer, ThreadPoolExecutor(len(writes) + 1) as threads:
        first = threads.submit(writer.write, hold)
        assert is_held.wait(PATIENCE)
        waiting = [threads.submit(outcome, write) for write in writes]
        go.set()
        assert first.result(PATIENCE) == "first"
        return [result.result(PATIENCE) for result in waiting]


def test_many_threads_are_all_answered_with_their_own_result(ledger: Ledger) -> None:
    names = [f"n{number:03}" for number in range(100)]
    with GroupCommit(ledger) as writer, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda name: writer.write(note(name)), names))
    assert answers == names
    assert rows(ledger, NAMES) == [(name,) for name in names]


def test_a_write_is_durable_when_it_returns(ledger_url: str, ledger: Ledger) -> None:
    other = open_ledger(ledger_url)
    with GroupCommit(ledger) as writer:
        for number in range(5):
            writer.write(note(f"n{number}"))
            assert len(rows(other, NAMES)) == number + 1
    other.close()


def test_what_waits_together_is_committed_together(ledger: Ledger) -> None:
    commits: list[Connection] = []
    event.listen(ledger.engine, "commit", commits.append)
    names = [f"n{number:02}" for number in range(40)]
    assert write_together(ledger, [note(name) for name in names]) == names
    assert len(commits) < 20


@pytest.mark.parametrize(
    ("faulty", "fault"), [(break_off, KeyError), (break_a_rule, LedgerFault)]
)
def test_a_faulty_write_does_not_fail_its_neighbours(
    ledger: Ledger,
    faulty: Callable[[Connection], str],
    fault: type[BaseException],
) -> None:
    first, broken, last = write_together(ledger, [note("a"), faulty, note("b")])
    assert isinstance(broken, fault)
    assert (first, last) == ("a", "b")
    assert rows(ledger, NAMES) == [("a",), ("b",), ("first",)]


def test_a_faulty_write_alone_leaves_nothing(ledger: Ledger) -> None:
    with GroupCommit(ledger) as writer:
        with pytest.raises(KeyError, match="broken"):
            writer.write(break_off)
        assert writer.write(note("after")) == "after"
    assert rows(ledger, NAMES) == [("after",)]


def test_what_was_handed_in_is_written_before_the_writer_ends(ledger: Ledger) -> None:
    with GroupCommit(ledger) as writer:
        writer.write(note("last"))
    assert rows(ledger, NAMES) == [("last",)]
    assert "ledger-writer" not in {thread.name for thread in threading.enumerate()}


def test_a_database_that_fails_is_said_to_every_waiting_thread(
    sqlite_ledger: Ledger,
) -> None:
    def fill_up(connection: Connection) -> str:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        blob = "x" * 200_000
        for number in range(20):
            add(connection, f"{number}{blob}")
        return "never"

    results = write_together(sqlite_ledger, [fill_up, fill_up])
    assert [type(result) for result in results] == [LedgerFault, LedgerFault]
    assert all("make room on the disk" in str(result) for result in results)
    assert rows(sqlite_ledger, NAMES) == [("first",)]
