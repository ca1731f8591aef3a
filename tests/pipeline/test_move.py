"""Move: a whole ledger goes to an empty place; at most one of the two is in force."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from billing.errors import (
    BillingError,
    InvariantViolated,
    LedgerFault,
    LedgerInUse,
    LedgerMoved,
    TrailRewound,
)
from billing.ledger.audit import schema_history
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.migration import head
from billing.ledger.move import guard
from billing.ledger.move.marks import MoveState, newest_mark
from billing.ledger.move.row_text import copied_tables, read_text
from billing.ledger.schema.tables import metadata
from billing.pipeline.concurrency import Progress, no_progress
from billing.pipeline.move import CopyReport, copy_ledger_to
from tests.ledger.bookkeeping import ACTOR, reading, record, register, rows
from tests.pipeline.witnesses import Recollection

ADD = "INSERT INTO send_hold (customer, held, at, actor) VALUES ('x', 1, :at, 'x')"


class Route(NamedTuple):
    """From which database a ledger goes to which."""

    source: str
    target: str


ACROSS = Route("sqlite", "postgresql"), Route("postgresql", "sqlite")
ALIKE = Route("sqlite", "sqlite"), Route("postgresql", "postgresql")


@pytest.fixture(params=ACROSS)
def route(request: pytest.FixtureRequest) -> Route:
    """Give both ways between the databases."""
    chosen: Route = request.param
    return chosen


@pytest.fixture
def source(request: pytest.FixtureRequest, route: Route) -> Ledger:
    """Give a ledger in which something was billed."""
    kind = "sqlite_ledger" if route.source == "sqlite" else "postgres_ledger"
    ledger: Ledger = request.getfixturevalue(kind)
    begin(ledger)
    return ledger


def begin(ledger: Ledger) -> None:
    """Bill something, and let the ledger know when it was moved."""
    with ledger.writing() as connection:
        schema_history.record_upgrade(connection, ACTOR, head())
    register(ledger)
    record(ledger, reading("call_1"), reading("call_2"))
    guard.guard_moved(ledger)


@pytest.fixture
def target_url(request: pytest.FixtureRequest, tmp_path: Path, route: Route) -> str:
    """Give an empty place."""
    if route.target == "sqlite":
        return f"sqlite:///{tmp_path / 'target.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def copy(source: Ledger, url: str, memory: Recollection | None = None) -> CopyReport:
    """Copy a ledger without a progress bar."""
    return copy_ledger_to(
        source, memory or Recollection(), url, ACTOR, lambda _name: no_progress
    )


@pytest.fixture
def copied(source: Ledger, target_url: str) -> Iterator[Ledger]:
    """Give the copy of a ledger."""
    copy(source, target_url)
    with closing(open_ledger(target_url)) as ledger:
        guard.guard_moved(ledger)
        yield ledger


def content(ledger: Ledger) -> dict[str, bytes]:
    """Return all rows of a ledger."""
    with ledger.reading() as connection:
        return {
            table.name: b"".join(part.lines for part in read_text(connection, table))
            for table in copied_tables()
        }


def state(ledger: Ledger) -> MoveState | None:
    """Return whether a ledger is in force."""
    with ledger.reading() as connection:
        mark = newest_mark(connection)
    return mark and mark.state


@pytest.mark.parametrize("route", [*ACROSS, *ALIKE], indirect=True)
def test_every_row_is_the_same_and_only_the_copy_is_in_force(
    source: Ledger, copied: Ledger
) -> None:
    assert content(source) == content(copied)
    assert (state(source), state(copied)) == (MoveState.MOVED, MoveState.ARRIVED)
    with copied.reading() as connection:
        assert schema_history.recorded_guards(
            connection
        ) == schema_history.guards_digest(connection)


def test_the_copy_has_the_schema_and_its_guards(copied: Ledger) -> None:
    with copied.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    for statement in ("UPDATE call SET revision = 2", "DELETE FROM audit_event"):
        with pytest.raises(LedgerFault, match="append-only"), copied.writing() as c:
            c.execute(text(statement))
    with pytest.raises(LedgerFault), copied.writing() as connection:
        connection.execute(text("UPDATE b2b_usage SET meter_event_id = 4711"))


def test_numbers_go_on_after_the_last(source: Ledger, copied: Ledger) -> None:
    [(last,)] = rows(source, "SELECT max(id) FROM call")
    record(copied, reading("call_3"))
    [(newest,)] = rows(copied, "SELECT max(id) FROM call")
    assert newest == int(str(last)) + 1


def test_a_moved_ledger_takes_no_more_writes_and_is_read(
    source: Ledger, copied: Ledger
) -> None:
    before = content(source)
    with pytest.raises(LedgerMoved, match="was moved to"):
        record(source, reading("call_3"))
    assert content(source) == before
    record(copied, reading("call_3"))


def test_a_process_that_was_at_it_before_is_refused_too(
    source: Ledger, target_url: str
) -> None:
    with closing(open_ledger(_url(source))) as other:
        guard.guard_moved(other)
        record(other, reading("call_3"))
        copy(source, target_url)
        with pytest.raises(LedgerMoved):
            record(other, reading("call_4"))


def test_who_waits_for_its_turn_is_refused_once_the_ledger_has_moved(
    source: Ledger, target_url: str
) -> None:
    refused: list[BillingError] = []

    def write() -> None:
        with closing(open_ledger(_url(source))) as other:
            guard.guard_moved(other)
            try:
                record(other, reading("call_3"))
            except BillingError as fault:
                refused.append(fault)

    waiting = threading.Thread(target=write)

    def watch(name: str) -> Progress:
        if name == "copy":
            waiting.start()
            waiting.join(1)
        return no_progress

    copy_ledger_to(source, Recollection(), target_url, ACTOR, watch)
    waiting.join()
    assert [type(fault) for fault in refused] == [LedgerMoved]


def test_while_a_send_is_underway_nothing_is_copied(
    postgres_ledger: Ledger, tmp_path: Path
) -> None:
    target = tmp_path / "target.db"
    begin(postgres_ledger)
    with try_lock(postgres_ledger, "sync:acme"), pytest.raises(LedgerInUse):
        copy(postgres_ledger, f"sqlite:///{target}")
    assert not target.exists()
    copy(postgres_ledger, f"sqlite:///{target}")


def test_what_was_killed_after_the_mark_is_finished_by_the_next(
    source: Ledger, target_url: str, tmp_path: Path
) -> None:
    class Full(Recollection):
        def remember(self, sequence: int, hashed: str) -> None:
            raise LedgerFault("the disk is full")

    with pytest.raises(LedgerFault, match="disk is full"):
        copy(source, target_url, Full())
    with closing(open_ledger(target_url)) as there:
        guard.guard_moved(there)
        for ledger in (source, there):
            with pytest.raises(LedgerMoved):
                record(ledger, reading("call_3"))
        with pytest.raises(LedgerMoved, match="was moved to"):
            copy(source, f"sqlite:///{tmp_path / 'third.db'}")
        with pytest.raises(LedgerMoved, match="not in force"):
            copy(there, f"sqlite:///{tmp_path / 'third.db'}")
        memory = Recollection()
        report = copy(source, target_url, memory)
        assert report.tables == {}
        assert memory.last_seen() == (report.event, report.hash)
        record(there, reading("call_3"))
        with pytest.raises(LedgerMoved, match="was moved to"):
            copy(source, target_url)


def test_a_ledger_that_was_rewound_is_not_copied(
    source: Ledger, target_url: str
) -> None:
    with pytest.raises(TrailRewound):
        copy(source, target_url, Recollection((4711, "0" * 64)))
    copy(source, target_url)


def test_a_ledger_that_contradicts_itself_is_not_copied(
    postgres_ledger: Ledger, tmp_path: Path
) -> None:
    begin(postgres_ledger)
    with postgres_ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE b2b_usage DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE b2b_usage SET billed_minutes = 99"))
    before = content(postgres_ledger)
    with pytest.raises(InvariantViolated, match="so it is not copied"):
        copy(postgres_ledger, f"sqlite:///{tmp_path / 'target.db'}")
    assert content(postgres_ledger) == before
    assert list(tmp_path.glob("*target*")) == []


def test_a_failure_half_way_changes_nothing(
    source: Ledger, target_url: str, tmp_path: Path
) -> None:
    def watch(name: str) -> Progress:
        if name == "compare":
            raise LedgerFault("the network is gone")
        return no_progress

    before = content(source)
    with pytest.raises(LedgerFault, match="network"):
        copy_ledger_to(source, Recollection(), target_url, ACTOR, watch)
    assert (content(source), state(source)) == (before, None)
    assert list(tmp_path.glob("*target*")) == []
    copy(source, target_url)


def _url(ledger: Ledger) -> str:
    return ledger.engine.url.render_as_string(hide_password=False)
