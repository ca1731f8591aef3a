"""Transfer: all values are there as they were, and what differs is noticed."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from billing.errors import LedgerFault
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.move.row_text import copied_tables
from billing.ledger.move.targets import new_target
from billing.ledger.move.transfer import Progress, TableDigest, compare, transfer
from tests.ledger.bookkeeping import ACTOR, rows
from tests.ledger.move.strange_rows import fill_strangely

END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty place, on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'target.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def unseen(_done: int, _total: int) -> None:
    """Show no progress."""


def test_values_at_all_edges_are_the_same_there(
    ledger: Ledger, target_url: str
) -> None:
    fill_strangely(ledger)
    with ledger.reading() as connection, new_target(target_url, ledger) as target:
        digests = transfer(connection, target, unseen)
        target.complete()
        compare(target, digests, unseen)
    assert set(digests) == {table.name for table in copied_tables()}
    assert all(digest.rows for digest in digests.values())
    with closing(open_ledger(target_url)) as there:
        for name, digest in digests.items():
            assert rows(there, f"SELECT count(*) FROM {name}") == [(digest.rows,)]
        odd = "SELECT reason, at FROM send_hold ORDER BY id"
        words = [row[0] for row in rows(there, odd)]
        assert words == [row[0] for row in rows(ledger, odd)]


def transfer_another_call(ledger: Ledger, url: str) -> None:
    """Transfer a ledger of which a table is not read back as it was."""
    with ledger.reading() as connection, new_target(url, ledger) as target:
        digests = dict(transfer(connection, target, unseen))
        target.complete()
        digests["call"] = TableDigest(1, "0" * 64)
        compare(target, digests, unseen)


def transfer_all(ledger: Ledger, url: str, progress: Progress) -> None:
    """Transfer all rows."""
    with ledger.reading() as connection, new_target(url, ledger) as target:
        transfer(connection, target, progress)


def test_what_differs_is_named_and_leaves_nothing(
    ledger: Ledger, target_url: str, tmp_path: Path
) -> None:
    fill_strangely(ledger)
    with pytest.raises(LedgerFault, match="not the same in call, so nothing"):
        transfer_another_call(ledger, target_url)
    assert list(tmp_path.glob("*target*")) == []
    with new_target(target_url, ledger):
        pass


def test_progress_is_shown_up_to_the_last_row(ledger: Ledger, target_url: str) -> None:
    fill_strangely(ledger)
    seen: list[tuple[int, int]] = []
    with ledger.reading() as connection, new_target(target_url, ledger) as target:
        digests = transfer(connection, target, lambda *step: seen.append(step))
    total = sum(digest.rows for digest in digests.values())
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


def test_a_text_that_postgresql_cannot_hold_ends_the_copy(
    sqlite_ledger: Ledger, postgres_url: str
) -> None:
    with sqlite_ledger.engine.begin() as connection:
        hold = "INSERT INTO send_hold (held, at, actor, reason) VALUES (1, ?, 'x', ?)"
        connection.exec_driver_sql(hold, (ACTOR.at.isoformat(), "a\x00b"))
    with pytest.raises(LedgerFault, match=r"ledger postgresql.* byte sequence"):
        transfer_another_call(sqlite_ledger, postgres_url)
    with new_target(postgres_url, sqlite_ledger):
        pass


def test_a_target_that_goes_away_is_the_one_that_is_named(
    sqlite_ledger: Ledger, postgres_url: str
) -> None:
    fill_strangely(sqlite_ledger)
    ended: list[bool] = []

    def end_sessions(done: int, _total: int) -> None:
        if done > 10 and not ended:
            with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
                other.execute(END_OTHERS)
            ended.append(True)

    with pytest.raises(LedgerFault, match="the ledger postgresql"):
        transfer_all(sqlite_ledger, postgres_url, end_sessions)
    with new_target(postgres_url, sqlite_ledger):
        pass
