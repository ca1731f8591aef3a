"""Pulls: each leaves a certificate in which nothing vanishes, or says why not."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from billing.domain.period import Window
from billing.errors import LedgerFault
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.pull.pulls import MONTH, RECENT, Certificate, PullState
from tests.ledger.bookkeeping import ACTOR, APRIL, MARCH, register, rows, start_pull

CERTIFICATE = Certificate(
    pages=3,
    billed=200,
    not_billable={"never_connected": 7, "underway": 2},
    quarantined={"naive_time": 1},
    source_call_count=210,
    source_minutes=431,
    ledger_minutes=431,
)


@pytest.fixture(autouse=True)
def _registered(ledger: Ledger) -> None:
    register(ledger)


def start(ledger: Ledger) -> int:
    with ledger.writing() as connection:
        return start_pull(connection)


def state(ledger: Ledger) -> PullState | None:
    with ledger.reading() as connection:
        return pulls.state_of(connection, "main", MARCH)


def test_before_the_first_pull_nothing_is_known(ledger: Ledger) -> None:
    assert state(ledger) is None
    with ledger.reading() as connection:
        assert pulls.last_complete(connection, "main", MARCH, None) is None


def test_a_pull_that_runs_is_not_complete(ledger: Ledger) -> None:
    start(ledger)
    pull_state = state(ledger)
    assert pull_state is not None
    assert (pull_state.state, pull_state.finished_at, pull_state.error) == (
        "running",
        None,
        None,
    )
    with ledger.reading() as connection:
        assert pulls.last_complete(connection, "main", MARCH, MONTH) is None


def test_a_complete_pull_leaves_its_certificate(ledger: Ledger) -> None:
    number = start(ledger)
    with ledger.writing() as connection:
        pulls.complete_pull(connection, number, CERTIFICATE, ACTOR.at)
    query = (
        "SELECT state, pages, fetched, billed, not_billable, quarantined, "
        "source_call_count, source_minutes, ledger_minutes FROM pull"
    )
    assert rows(ledger, query) == [("complete", 3, 210, 200, 9, 1, 210, 431, 431)]
    ((reasons,),) = rows(ledger, "SELECT reasons FROM pull")
    assert json.loads(str(reasons)) == {
        "not_billable": {"never_connected": 7, "underway": 2},
        "quarantined": {"naive_time": 1},
    }
    with ledger.reading() as connection:
        assert pulls.last_complete(connection, "main", MARCH, MONTH) == ACTOR.at
        assert pulls.last_complete(connection, "main", MARCH, None) == ACTOR.at
        assert pulls.last_complete(connection, "main", MARCH, RECENT) is None
        assert pulls.last_complete(connection, "main", APRIL, MONTH) is None
        assert pulls.last_complete(connection, "other", MARCH, MONTH) is None


@pytest.mark.parametrize(("theirs", "gap"), [(431, 0), (430, -1), (None, None)])
def test_a_whole_pull_says_how_far_the_source_is_from_the_ledger(
    ledger: Ledger, theirs: int | None, gap: int | None
) -> None:
    with ledger.writing() as connection:
        certificate = replace(CERTIFICATE, source_minutes=theirs)
        pulls.complete_pull(connection, start_pull(connection), certificate, ACTOR.at)
        start_pull(connection)
    with ledger.reading() as connection:
        assert pulls.last_sweep_difference(connection, "main", MARCH) == gap
        assert pulls.last_sweep_difference(connection, "main", APRIL) is None


def test_the_newest_pull_says_how_a_month_stands(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        pulls.complete_pull(connection, start_pull(connection), CERTIFICATE, ACTOR.at)
    later = ACTOR.at + timedelta(hours=1)
    with ledger.writing() as connection:
        pulls.fail_pull(connection, start_pull(connection), "a time-out", later)
    pull_state = state(ledger)
    assert pull_state is not None
    assert (pull_state.state, pull_state.error) == ("failed", "a time-out")
    assert pull_state.finished_at == later
    with ledger.reading() as connection:
        assert pulls.last_complete(connection, "main", MARCH, MONTH) == ACTOR.at


@pytest.mark.parametrize("error", ["x" * 10_000, "\0\x1b[31m", "\ud800", "<html>\r\n"])
def test_a_failure_is_recorded_whatever_its_words(ledger: Ledger, error: str) -> None:
    number = start(ledger)
    with ledger.writing() as connection:
        pulls.fail_pull(connection, number, error, ACTOR.at)
    pull_state = state(ledger)
    assert pull_state is not None
    assert pull_state.state == "failed"
    assert len(pull_state.error or "") <= 500


def test_a_certificate_in_which_calls_vanish_is_refused(ledger: Ledger) -> None:
    start(ledger)
    statement = text(
        "UPDATE pull SET state = 'complete', fetched = 10, billed = 7, "
        "not_billable = 1, quarantined = 1"
    )
    with (
        pytest.raises(LedgerFault, match="ck_pull_partition"),
        ledger.writing() as connection,
    ):
        connection.execute(statement)


def test_a_pull_is_of_an_account_that_is_known(ledger: Ledger) -> None:
    def pull_nobody() -> None:
        with ledger.writing() as connection:
            window = Window(MARCH.start, MARCH.end)
            pulls.start_pull(
                connection, "nobody", MARCH, scope=MONTH, window=window, now=ACTOR.at
            )

    with pytest.raises(LedgerFault, match=r"(?i)foreign key"):
        pull_nobody()
