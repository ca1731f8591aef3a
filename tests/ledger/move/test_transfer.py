"""Transfer: all values are there as they were, and what differs is noticed."""

from contextlib import closing
from pathlib import Path

import pytest

from billing.errors import LedgerFault
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.move.row_text import copied_tables
from billing.ledger.move.targets import new_target
from billing.ledger.move.transfer import TableDigest, compare, transfer
from tests.ledger.bookkeeping import rows
from tests.ledger.move.strange_rows import fill_strangely


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
