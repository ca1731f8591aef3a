"""The pace share: who makes requests is counted, on whatever machine it is."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from billing.ledger.database import Ledger, open_ledger
from billing.ledger.locking.pace_share import VALID_SECONDS, PaceShare, pace_share
from billing.ledger.move.at_work import refuse_others_at_work


@dataclass
class Process:
    """One process's share, its ledger, and how long it has waited."""

    ledger: Ledger
    share: PaceShare
    clock: list[float]
    waits: list[float] = field(default_factory=list)

    def later(self) -> int:
        """Let a count become old, and ask again."""
        self.clock[0] += VALID_SECONDS
        return self.share.processes()


@contextmanager
def process(url: str, subject: str = "live") -> Iterator[Process]:
    """Start a process of its own on a ledger."""
    with closing(open_ledger(url)) as ledger:
        clock, waits = [100.0], list[float]()
        share = pace_share(ledger, subject, ticks=lambda: clock[0], sleep=waits.append)
        assert share is not None
        yield Process(ledger, share, clock, waits)


def test_on_sqlite_nobody_shares(sqlite_ledger: Ledger) -> None:
    assert pace_share(sqlite_ledger, "live", ticks=float, sleep=lambda _: None) is None


def test_who_is_alone_waits_for_nobody(migrated_postgres_url: str) -> None:
    with process(migrated_postgres_url) as alone:
        assert [alone.share.processes(), alone.later()] == [1, 1]
        assert alone.waits == []


def test_a_newcomer_waits_until_everybody_has_counted_it(
    migrated_postgres_url: str,
) -> None:
    with process(migrated_postgres_url) as first:
        assert first.share.processes() == 1
        with process(migrated_postgres_url) as second:
            assert second.share.processes() == 2
            assert second.waits == [VALID_SECONDS]
            assert first.share.processes() == 1, "its count is believed for a while"
            assert first.later() == 2
        assert first.later() == 1, "the server has freed what the other one held"


def test_who_rests_is_not_counted_until_it_asks_again(
    migrated_postgres_url: str,
) -> None:
    with (
        process(migrated_postgres_url) as first,
        process(migrated_postgres_url) as second,
    ):
        first.share.processes()
        second.share.processes()
        first.share.leave()
        assert second.later() == 1
        assert first.share.processes() == 2
        assert second.later() == 2


def test_modes_have_paces_of_their_own(migrated_postgres_url: str) -> None:
    with (
        process(migrated_postgres_url, "live") as live,
        process(migrated_postgres_url, "test") as test,
    ):
        assert [live.share.processes(), test.share.processes()] == [1, 1]


def test_a_session_that_ended_takes_its_share_along_and_a_new_one_joins(
    migrated_postgres_url: str,
) -> None:
    with process(migrated_postgres_url) as alone:
        alone.share.processes()
        with alone.ledger.reading() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        assert [alone.later(), alone.later()] == [1, 1]


def test_a_share_is_no_work_that_a_copy_would_wait_for(
    migrated_postgres_url: str, postgres_ledger: Ledger
) -> None:
    with process(migrated_postgres_url) as another:
        another.share.processes()
        with postgres_ledger.reading() as connection:
            refuse_others_at_work(connection)
