"""A live ledger that was altered: nothing of it is sent, and the next run names it."""

from datetime import timedelta

import pytest

from billing.domain.period import cycle_months
from billing.errors import AlteredRows, UncoveredRows
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.integrity.checks import integrity_status
from billing.ledger.sync import outbox, settlement
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.run import run_round
from billing.pipeline.signing import TrailOptions
from billing.reports.audit.live_ledger import verify_ledger
from billing.verifier.findings import BadRecord
from tests.ledger.integrity.sound_ledger import damage, disarm
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import lose_request
from tests.pipeline.witnesses import Recollection
from tests.tamper.live_alterations import CALL, LIVE, UNREADABLE, USAGE
from tests.verifier.signing import TestKey

HOUR = timedelta(hours=1)


def run(bench: Bench) -> CycleReport:
    """Make an ordinary run, as cron does every hour."""
    return run_round(
        bench.ledger,
        bench.meter,
        bench.cycle_options(),
        TrailOptions(TestKey(1), [], Recollection()),
        cycle_months(bench.clock.now(), bench.first_period),
        watch=lambda _: no_progress,
    )


def in_use(ledger: Ledger) -> Bench:
    """Give a ledger of five calls: four sent over four hours, one of this hour."""
    bench = Bench(ledger=ledger)
    for number in range(1, 5):
        at = NOON + number * HOUR
        bench.source.calls += [call(f"call_{number}", at)]
        assert run(bench).errors == []
        bench.clock.advance(hours=1)
    bench.clock.advance(minutes=45)
    bench.source.calls += [call("call_5", bench.clock.now() - HOUR / 2)]
    assert run(bench).errors == []
    bench.clock.advance(minutes=10)
    assert bench.counted() == {"acme": 4}
    return bench


@pytest.mark.parametrize("name", LIVE)
def test_what_was_altered_is_not_sent_and_is_named(ledger: Ledger, name: str) -> None:
    bench = in_use(ledger)
    disarm(ledger)
    damage(ledger, *LIVE[name].statements.split("; "))
    bench.clock.advance(hours=LIVE[name].after_hours)
    for _ in range(2):
        report = run(bench)
        said = "; ".join([*report.errors, *(pull.error or "" for pull in report.pulls)])
        assert report.refused, said
        assert LIVE[name].named in said
        assert bench.counted() == {"acme": 4}
        with ledger.reading() as connection:
            known = integrity_status(connection)
        assert known is not None
        assert known.broken, "`status` tells of it, too"
        bench.clock.advance(hours=1)
    with pytest.raises(BadRecord):
        verify_ledger(ledger)


def test_a_lag_that_was_edited_proves_nothing_of_what_is_uncertain(
    sqlite_ledger: Ledger,
) -> None:
    """By the lags that were measured an empty minute proves nothing for three days."""
    bench = in_use(sqlite_ledger)
    bench.meter.script = [lose_request] * 6
    for hours in (1, 24):
        bench.clock.advance(hours=hours)
        run(bench)
    assert bench.events()[-1][:2] == ("failed", "uncertain")
    disarm(sqlite_ledger)
    damage(
        sqlite_ledger,
        "UPDATE summary_lag SET first_shown_at = '2026-01-01T00:00:00+00:00', "
        "lag_seconds = 0 WHERE id = 1",
    )
    report = run(bench)
    assert report.refused
    assert "row 1 of summary_lag" in "; ".join(report.errors)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_nobody_can_read_ends_in_a_sentence_and_is_not_sent_over(
    sqlite_ledger: Ledger, name: str
) -> None:
    bench = in_use(sqlite_ledger)
    disarm(sqlite_ledger)
    damage(sqlite_ledger, UNREADABLE[name])
    for _ in range(2):
        said = "; ".join(run(bench).errors)
        assert "cannot be understood" in said or "somebody edited it" in said
        assert "pamela-billing db verify" in said
        assert bench.counted() == {"acme": 4}
        bench.clock.advance(hours=1)


def test_a_pull_that_is_refused_is_known_to_status(sqlite_ledger: Ledger) -> None:
    """The row is one that an hour does not look at otherwise."""
    bench = in_use(sqlite_ledger)
    disarm(sqlite_ledger)
    damage(sqlite_ledger, "UPDATE call SET source_sha256 = extract_sha256 WHERE id = 2")
    bench.source.calls[1] = call("call_2", NOON + 2 * HOUR, 300)
    report = run(bench)
    assert [pull.refused for pull in report.pulls] == [True]
    assert report.sync is None
    with sqlite_ledger.reading() as connection:
        known = integrity_status(connection)
    assert known is not None
    assert set(known.broken) == {"audit trail"}


def test_an_edit_stays_visible_after_a_legal_move(ledger: Ledger) -> None:
    """A writer that compares nothing records what it found all the same."""
    bench = in_use(ledger)
    verify_ledger(ledger)
    with pytest.raises(AlteredRows, match="row 1 of meter_event"):
        edit_and_move(bench)


def edit_and_move(bench: Bench) -> None:
    disarm(bench.ledger)
    damage(bench.ledger, "UPDATE meter_event SET tries = 0 WHERE id = 1")
    with bench.ledger.writing() as connection:
        edited = outbox.event_numbered(connection, 1)
        settlement.reject(connection, Actor("tests", bench.clock.now()), edited, "x")


def test_nothing_is_written_where_rows_came_past_the_door(ledger: Ledger) -> None:
    bench = in_use(ledger)
    disarm(ledger)
    damage(ledger, CALL, USAGE)
    before = bench.rows("SELECT count(*) FROM audit_event")
    with pytest.raises(UncoveredRows, match="row 6 of call"):
        bench.pull()
    assert bench.rows("SELECT count(*) FROM audit_event") == before
