"""The tests' own PostgreSQL is real, quick to copy, and never left behind."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.postgres import (
    PostgresServer,
    base_folder,
    find_binaries,
    system_binaries,
    unprivileged_user,
    wheel_binaries,
)
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
HOLDER = """
import time
from tests.postgres import PostgresServer
with PostgresServer(fsync=False) as server:
    print(server.folder, flush=True)
    time.sleep(60)
"""


def ask(url: str, *statements: str) -> object:
    """Run statements in one transaction and return the last one's first value."""
    with sa.create_engine(url, poolclass=NullPool).begin() as connection:
        for statement in statements:
            answer = connection.execute(sa.text(statement))
        return answer.scalar() if answer.returns_rows else None


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(params=["the first one found", "the wheel's"])
def own_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    wheels = request.param == "the wheel's"
    binaries = next(wheel_binaries()) if wheels else find_binaries()
    with PostgresServer(binaries=binaries) as server:
        yield server


def test_a_fresh_database_is_empty_and_takes_tables(database_url: str) -> None:
    ask(database_url, "CREATE TABLE mark (n integer)", "INSERT INTO mark VALUES (7)")
    assert ask(database_url, "SELECT n FROM mark") == 7


@pytest.mark.parametrize("turn", ["first", "second"])
def test_no_test_sees_the_tables_of_another(postgres_url: str, turn: str) -> None:
    ask(postgres_url, "CREATE TABLE mark (turn text)")
    assert ask(postgres_url, "SELECT count(*) FROM mark") == 0


def test_a_database_can_be_copied_with_its_rows(
    postgres_server: PostgresServer,
) -> None:
    template = postgres_server.create_database("template_of_rows")
    ask(template, "CREATE TABLE mark (n integer)", "INSERT INTO mark VALUES (7)")
    copy = postgres_server.create_database("copy_of_rows", "template_of_rows")
    ask(template, "DELETE FROM mark")
    assert ask(copy, "SELECT n FROM mark") == 7
    postgres_server.drop_database("copy_of_rows")
    postgres_server.drop_database("template_of_rows")


def test_what_is_committed_survives_a_crash_and_a_clean_stop(
    own_server: PostgresServer,
) -> None:
    url = own_server.create_database("survivor")
    ask(url, "CREATE TABLE mark (n integer)", "INSERT INTO mark VALUES (1)")
    own_server.kill()
    own_server.start()
    ask(url, "INSERT INTO mark VALUES (2)")
    own_server.stop()
    with pytest.raises(sa.exc.OperationalError):
        ask(url, "SELECT 1")
    own_server.start()
    assert ask(url, "SELECT sum(n) FROM mark") == 3
    assert ask(url, "SHOW fsync") == "on"


def test_nothing_is_left_when_the_block_ends() -> None:
    with PostgresServer(fsync=False) as server:
        pid = server_pid(server.folder)
        assert is_running(pid)
    assert not server.folder.exists()
    assert not is_running(pid)


def test_nothing_is_left_when_the_tests_are_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().strip())
        pid = server_pid(folder)
        holder.send_signal(signal.SIGKILL)
    wait_until(lambda: not folder.exists() and not is_running(pid))


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    base = base_folder(in_memory=False)
    with tempfile.TemporaryDirectory(dir=base) as broken:
        Path(broken).chmod(0o755)
        for name in ("initdb", "postgres"):
            tool = Path(broken, name)
            tool.write_text(
                "#!/bin/sh\n[ $1 = --version ] || { echo no luck; exit 1; }"
            )
            tool.chmod(0o755)
        server = PostgresServer(binaries=Path(broken))
        with pytest.raises(RuntimeError, match="no luck"), server:
            pass
    assert not server.folder.exists()


def test_a_server_its_user_cannot_run_is_copied_from_the_wheel(tmp_path: Path) -> None:
    with PostgresServer(fsync=False, binaries=tmp_path) as server:
        assert server.folder in server.binaries.parents
        assert ask(server.create_database("reached"), "SELECT 1") == 1


def test_the_server_never_runs_as_root(postgres_server: PostgresServer) -> None:
    owner = (postgres_server.folder / "data").stat().st_uid
    user = unprivileged_user()
    assert owner == (user.pw_uid if user else os.geteuid())
    assert owner != 0


def test_an_installed_server_comes_before_the_wheels() -> None:
    folders = [*system_binaries(), *wheel_binaries()]
    usable = [f for f in folders if (f / "initdb").exists()]
    assert find_binaries() == usable[0]
    assert (usable[-1] / "postgres").exists()
    assert "pginstall" in usable[-1].parts
