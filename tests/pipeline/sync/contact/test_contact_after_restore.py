"""After a restore, each month is read at the meter as if it had never been seen."""

from datetime import timedelta
from pathlib import Path

from billing.domain.meter_contact import Opening
from billing.gateways.rollback_marker import FileMemory
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.pipeline.signing import accept_restore, remember_end
from tests.pipeline.bench import MARCH, NOON, Bench, call
from tests.pipeline.sync.contact.contacts import openings, stranger

HOUR = timedelta(hours=1)


def test_after_a_restore_a_month_is_read_anew(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    bench = Bench(ledger=sqlite_ledger)
    memory = FileMemory(tmp_path / "billing.trail")
    bench.take(call("c", NOON, 300))
    bench.sync()
    bench.reconcile()
    remember_end(bench.ledger, memory)
    # What was sent since the backup, and is deleted at the source meanwhile.
    stranger(bench, 4)
    accept_restore(bench.ledger, memory, Actor("a person", bench.clock.now()), "disk")
    bench.clock.advance(hours=2)
    bench.take(call("d", bench.clock.now() - HOUR, 60))
    bench.clock.advance(hours=1)
    assert openings(bench) == [Opening("acme", MARCH, 4)]
    # What can be ours is no opening: two equal readings, or a statement, clear it.
    del bench.meter.counted[-1]
    assert openings(bench) == []
    assert bench.counted() == {"acme": 6}


def test_after_a_restore_no_hour_stands_in_for_another(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    bench = Bench(ledger=sqlite_ledger)
    memory = FileMemory(tmp_path / "billing.trail")
    bench.take(call("c", NOON, 300))
    remember_end(bench.ledger, memory)
    # Its five minutes were sent since the backup; then the source dated it anew.
    stranger(bench, 5)
    accept_restore(bench.ledger, memory, Actor("a person", bench.clock.now()), "disk")
    bench.source.change("c", started_at=(NOON - HOUR).isoformat())
    bench.take(call("d", NOON - 2 * HOUR, 360))
    # What may have been sent is read back for days before it is sent.
    for _ in range(10):
        bench.clock.advance(hours=12)
        found = openings(bench)
    assert found == [Opening("acme", MARCH, 5)]
    assert bench.counted() == {"acme": 5}


def test_after_a_restore_what_took_an_events_place_is_not_taken_for_the_event(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    bench = Bench(ledger=sqlite_ledger)
    memory = FileMemory(tmp_path / "billing.trail")
    bench.take(call("c", NOON, 300))
    remember_end(bench.ledger, memory)
    # Since the backup its event was sent, cancelled, and sent anew as the next of the
    # hour, which stands at another minute: where the ledger looks, nothing is.
    stranger(bench, 5)
    accept_restore(bench.ledger, memory, Actor("a person", bench.clock.now()), "disk")
    bench.take(call("d", NOON - 2 * HOUR, 60))
    for _ in range(10):
        bench.clock.advance(hours=12)
        found = openings(bench)
    assert found == [Opening("acme", MARCH, 5)]
    assert NOON not in {request.event.hour for request in bench.meter.counted[1:]}


def test_after_a_restore_a_customer_is_looked_for_where_it_was_before(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    bench = Bench(ledger=sqlite_ledger)
    memory = FileMemory(tmp_path / "billing.trail")
    remember_end(bench.ledger, memory)
    # Its five minutes were sent since the backup; then it got another Stripe customer.
    stranger(bench, 5)
    accept_restore(bench.ledger, memory, Actor("a person", bench.clock.now()), "disk")
    bench.name_customers(acme="cus_moved", globex="cus_globex")
    bench.take(call("c", NOON, 300))
    for _ in range(10):
        bench.clock.advance(hours=12)
        found = openings(bench)
    assert found == [Opening("acme", MARCH, 5)]
    assert bench.counted() == {"acme": 5}
