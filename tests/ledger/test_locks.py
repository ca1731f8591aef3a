"""Locks: one process on a file, one daemon for each subject, and none for the dead."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE

import pytest

from billing.errors import AnotherProcess, LedgerFault
from billing.ledger.database import Hold, Ledger, open_ledger
from billing.ledger.locks import exclusive_process, try_lock
from tests.ledger.another_process import PATIENCE, another_process


def test_a_second_process_is_refused_the_file(
    sqlite_url: str, sqlite_ledger: Ledger
) -> None:
    with (
        another_process(sqlite_url, "acme"),
        pytest.raises(AnotherProcess, match=r"another pamela-billing process .*\.lock"),
        exclusive_process(sqlite_ledger),
    ):
        raise AssertionError("two processes hold one file")


def test_the_lock_s_file_is_its_owner_s_alone(sqlite_ledger: Ledger) -> None:
    with exclusive_process(sqlite_ledger):
        mode = Path(f"{sqlite_ledger.file}.lock").stat().st_mode
    assert S_IMODE(mode) == 0o600


def test_a_killed_process_holds_no_file(sqlite_url: str, sqlite_ledger: Ledger) -> None:
    with another_process(sqlite_url, "acme") as process:
        process.kill()
        process.wait(PATIENCE)
        with exclusive_process(sqlite_ledger), try_lock(sqlite_ledger, "acme") as hold:
            assert hold


def test_a_second_run_in_one_process_is_refused_too(sqlite_ledger: Ledger) -> None:
    with (
        exclusive_process(sqlite_ledger),
        pytest.raises(AnotherProcess),
        exclusive_process(sqlite_ledger),
    ):
        raise AssertionError("two runs hold one file")
    with exclusive_process(sqlite_ledger):
        pass


def test_on_postgresql_processes_share_the_ledger(
    migrated_postgres_url: str, postgres_ledger: Ledger
) -> None:
    with (
        another_process(migrated_postgres_url, "acme"),
        exclusive_process(postgres_ledger),
    ):
        with try_lock(postgres_ledger, "acme") as hold:
            assert not hold
        with try_lock(postgres_ledger, "globex") as hold:
            assert hold


def test_the_server_frees_what_a_killed_process_held(
    migrated_postgres_url: str, postgres_ledger: Ledger
) -> None:
    with another_process(migrated_postgres_url, "acme") as process:
        process.kill()
        process.wait(PATIENCE)
        with waits_for(postgres_ledger, "acme") as hold:
            assert hold


@contextmanager
def waits_for(ledger: Ledger, subject: str) -> Iterator[Hold | None]:
    """Try until the server has noticed that the holder is gone."""
    for _ in range(1_000):
        with try_lock(ledger, subject) as hold:
            if hold:
                yield hold
                return
    yield None


def test_a_subject_is_held_by_one_at_a_time(postgres_ledger: Ledger) -> None:
    with try_lock(postgres_ledger, "acme") as first:
        with try_lock(postgres_ledger, "acme") as second:
            assert first is not None
            assert second is None
        with try_lock(postgres_ledger, "acme") as third:
            assert not third
    with try_lock(postgres_ledger, "acme") as fourth:
        assert fourth


def test_a_subject_is_let_go_when_the_work_fails(postgres_ledger: Ledger) -> None:
    def fail() -> None:
        with try_lock(postgres_ledger, "acme"):
            raise KeyError("work failed")

    with pytest.raises(KeyError):
        fail()
    with try_lock(postgres_ledger, "acme") as hold:
        assert hold


def test_the_holder_of_a_lock_leaves_no_transaction_open(
    postgres_ledger: Ledger,
) -> None:
    idle = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'idle in transaction'"
    )
    with try_lock(postgres_ledger, "acme"), postgres_ledger.reading() as connection:
        assert connection.exec_driver_sql(idle).scalar_one() == 0


def test_a_server_that_is_gone_is_said_clearly(tmp_path: Path) -> None:
    gone = open_ledger(f"postgresql://billing@/none?host={tmp_path}")
    with pytest.raises(LedgerFault), try_lock(gone, "acme"):
        raise AssertionError("a lock without a server")
    gone.close()
