"""`db backup`: a whole file, also while others write; and a restore is drilled."""

import sqlite3
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from billing.errors import BadInput, LedgerFault
from billing.ledger.backup import refuse_backup_elsewhere
from billing.ledger.database import open_ledger
from tests.cli.audit.test_trail import minutes_at_stripe, restore, sends
from tests.cli.desk import HOUR, LAST, Desk
from tests.postgres import PostgresServer
from tests.waiting import LONGEST_WAIT_SECONDS

WHY = ("--reason", "the disk died")


def test_a_backup_is_whole_private_and_never_overwrites(desk: Desk) -> None:
    desk.done("run")
    target = desk.folder / "saved.db"
    saved = desk.json("db", "backup", str(target))
    [(number, digest)] = desk.query(
        "SELECT id, hash FROM audit_event ORDER BY id DESC LIMIT 1"
    )
    assert (saved["event"], saved["hash"]) == (number, digest)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    before = target.read_bytes()
    result = desk("db", "backup", str(target))
    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
    assert target.read_bytes() == before
    result = desk("db", "backup", str(desk.folder / "no" / "saved.db"))
    assert result.exit_code == 2
    assert sorted(path.name for path in desk.folder.glob("*.part")) == []


def test_backups_while_the_ledger_is_written_to_are_each_one_moment(
    desk: Desk, tmp_path: Path
) -> None:
    desk.done("run")
    wrote, stop = threading.Event(), threading.Event()

    def write() -> int:
        with closing(sqlite3.connect(desk.folder / "billing.db")) as connection:
            connection.execute("CREATE TABLE one (n INTEGER)")
            connection.execute("CREATE TABLE other (n INTEGER)")
            number = 0
            while not stop.is_set():
                number += 1
                connection.execute("INSERT INTO one VALUES (?)", (number,))
                connection.execute("INSERT INTO other VALUES (?)", (number,))
                connection.commit()
                wrote.set()
        return number

    with ThreadPoolExecutor(1) as writer:
        written = writer.submit(write)
        try:
            for number in range(5):
                # Of two that are waited for, the second began after the last backup.
                for _ in range(2):
                    wrote.clear()
                    assert wrote.wait(LONGEST_WAIT_SECONDS)
                desk.done("db", "backup", str(tmp_path / f"saved-{number}.db"))
        finally:
            stop.set()
        last = written.result()
    sums = []
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"saved-{number}.db")) as copy:
            [(one,)] = copy.execute("SELECT sum(n) FROM one").fetchall()
            [(other,)] = copy.execute("SELECT sum(n) FROM other").fetchall()
        sums.append((one, other))
    assert [one for one, _ in sums] == [other for _, other in sums]
    assert 1 <= sums[0][0] < sums[-1][0] <= last * (last + 1) // 2


def test_on_postgresql_it_names_the_line_to_type() -> None:
    ledger = open_ledger("postgresql+psycopg://me:secret@db.example/billing")
    with pytest.raises(BadInput) as refusal:
        refuse_backup_elsewhere(ledger, Path("saved.dump"))
    line = (
        "pg_dump --format=custom --file=saved.dump postgresql://me@db.example/billing"
    )
    assert line in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_restore_is_refused_accepted_and_goes_on_without_a_double(
    desk: Desk,
) -> None:
    desk.done("pull", LAST)
    desk.done("db", "backup", str(desk.folder / "saved.db"))
    desk.done("run")
    desk.settle()
    sent, minutes = sends(desk), minutes_at_stripe(desk)
    restore(desk, (desk.folder / "saved.db").read_bytes())

    result = desk("run")
    assert result.exit_code == 1
    assert "is not the one that was seen last" in result.stderr
    assert sends(desk) == sent

    desk.done("audit", "accept-restore", *WHY)
    for _ in range(4):
        desk("run")
        desk.sandbox.clock.advance(HOUR)
    assert minutes_at_stripe(desk) == minutes
    assert desk.json("reconcile", LAST)["clean"]
    desk.done("db", "verify")


@pytest.fixture
def dumped(desk: Desk, postgres_url: str, postgres_server: PostgresServer) -> Path:
    """Give the dump of a ledger that was moved to PostgreSQL and went on there."""
    desk.done("pull", LAST)
    desk.done("db", "copy", "--to", postgres_url)
    desk.amend('url = "sqlite:///billing.db"', f'url = "{postgres_url}"')
    dump = desk.folder / "saved.dump"
    save = "pg_dump", "--format=custom", f"--file={dump}", libpq(postgres_url)
    tool(postgres_server, *save)
    desk.done("run")
    desk.settle()
    return dump


def libpq(url: str) -> str:
    """Return the address as PostgreSQL's own programs read it."""
    return url.replace("+psycopg", "")


def tool(server: PostgresServer, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs."""
    line = [str(server.binaries / name), *arguments]
    subprocess.run(line, check=True, capture_output=True, timeout=60)


def test_a_dump_of_postgresql_restored_is_refused_accepted_and_doubles_nothing(
    desk: Desk, dumped: Path, postgres_url: str, postgres_server: PostgresServer
) -> None:
    sent, minutes = sends(desk), minutes_at_stripe(desk)
    restored = postgres_server.create_database("restored_from_a_dump")
    try:
        load = "--exit-on-error", f"--dbname={libpq(restored)}", str(dumped)
        tool(postgres_server, "pg_restore", *load)
        desk.amend(postgres_url, restored)
        for command in (("run",), ("db", "copy", "--to", "sqlite:///back.db")):
            result = desk(*command)
            assert result.exit_code in {1, 2}
            assert "is not the one that was seen last" in result.stderr
            assert result.stderr.count("\n") == 1
        assert sends(desk) == sent
        assert not (desk.folder / "back.db").exists()

        desk.done("audit", "accept-restore", *WHY)
        for _ in range(4):
            desk("run")
            desk.sandbox.clock.advance(HOUR)
        assert minutes_at_stripe(desk) == minutes
        assert desk.json("reconcile", LAST)["clean"]
        assert desk.json("db", "check")["sound"]
        desk.done("db", "verify")
        # Its guards came with it.
        with (
            closing(open_ledger(restored)) as ledger,
            pytest.raises(LedgerFault, match="append-only"),
            ledger.writing() as connection,
        ):
            connection.execute(text("DELETE FROM b2b_usage"))
    finally:
        postgres_server.drop_database("restored_from_a_dump")
