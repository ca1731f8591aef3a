"""Reading needs only the right to read: a closed file, and one that is in use."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from billing.ledger.database import open_ledger
from billing.sandbox.server import running
from tests.cli.desk import LAST, Desk, small_sandbox
from tests.surroundings.reading import as_reader, let_read, open_folder

READS = (
    ("status",),
    ("status", "--json"),
    ("breaks",),
    ("report", "usage", LAST),
    ("report", "reconciliation", LAST),
    ("report", "rounding", LAST),
    ("export", "usage", LAST),
    ("audit", "trail"),
    ("audit", "heads"),
    ("db", "check"),
    ("db", "verify"),
)


@pytest.fixture(scope="module")
def billed() -> Iterator[Desk]:
    """Give a desk that has billed, in a folder that others can reach."""
    sandbox = small_sandbox()
    with open_folder() as folder, running(sandbox) as url:
        desk = Desk(folder, sandbox, url)
        desk.done("init", "--sandbox", url)
        desk("run")
        yield desk


def answers(desk: Desk) -> dict[tuple[str, ...], str]:
    [call] = desk.query("SELECT call_id FROM call ORDER BY id LIMIT 1")
    return {words: desk.done(*words) for words in (*READS, ("explain", call[0]))}


def test_who_may_only_read_is_told_the_same(billed: Desk) -> None:
    expected = answers(billed)
    let_read(billed.folder)
    before = {path: path.stat().st_mtime_ns for path in billed.folder.rglob("*")}
    with as_reader():
        for words, answer in expected.items():
            assert _timeless(billed.done(*words)) == _timeless(answer), words
        assert billed("run").exit_code != 0
    after = {path: path.stat().st_mtime_ns for path in billed.folder.rglob("*")}
    assert after == before


def test_who_may_only_read_is_told_the_same_while_it_is_in_use(billed: Desk) -> None:
    billed.folder.chmod(0o755)
    expected = answers(billed)
    file = billed.folder / "billing.db"
    file.chmod(0o644)
    with closing(open_ledger(f"sqlite:///{file}")) as daemon:
        with daemon.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE alembic_version SET version_num = version_num"
            )
        let_read(billed.folder)
        with as_reader():
            for words, answer in expected.items():
                assert _timeless(billed.done(*words)) == _timeless(answer), words


def test_the_marker_of_another_is_not_read(billed: Desk) -> None:
    let_read(billed.folder)
    (billed.folder / "billing.trail").chmod(0o600)
    with as_reader():
        assert "billing.trail" not in billed.done("status")


def _timeless(answer: str) -> str:
    """Leave out the moment at which it was asked."""
    return re.sub(r"\d\d:\d\d:\d\d", "", answer)
