"""Divided reconciliations: of several processes one reads the meter for a month."""

from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from tests.pipeline.bench import MARCH, NOON, Bench, call, of


def busy(ledger: Ledger) -> Bench:
    """Return a bench whose source has a call."""
    bench = Bench(ledger=ledger)
    bench.source.calls += [call("a", NOON, **of("acme"))]
    return bench


def test_alone_each_cycle_reconciles_each_month(sqlite_ledger: Ledger) -> None:
    bench = busy(sqlite_ledger)
    for _ in range(2):
        report = bench.cycle()
        assert [run.period for run in report.reconciliations] == [MARCH]
        assert report.elsewhere == []


def test_a_month_that_another_reconciles_is_left_to_it(
    postgres_ledger: Ledger,
) -> None:
    bench = busy(postgres_ledger)
    with try_lock(postgres_ledger, f"reconcile:{MARCH}") as hold:
        assert hold
        report = bench.cycle()
    assert (report.reconciliations, report.elsewhere) == ([], [MARCH])
    assert not report.failed


def test_a_month_that_another_has_reconciled_meanwhile_is_not_read_again(
    postgres_ledger: Ledger,
) -> None:
    bench = busy(postgres_ledger)
    another = Bench(ledger=postgres_ledger)

    def meanwhile(_event: object) -> None:
        another.clock.advance(minutes=1)
        another.reconcile()

    bench.meter.watch = meanwhile
    report = bench.cycle()
    assert (report.reconciliations, report.elsewhere) == ([], [MARCH])
    bench.clock.advance(hours=1)
    assert [run.period for run in bench.cycle().reconciliations] == [MARCH]


def test_what_a_clock_far_ahead_reconciled_stops_nobody(
    postgres_ledger: Ledger,
) -> None:
    bench = busy(postgres_ledger)
    ahead = Bench(ledger=postgres_ledger)
    ahead.clock.advance(hours=5)
    ahead.reconcile()
    assert [run.period for run in bench.cycle().reconciliations] == [MARCH]
