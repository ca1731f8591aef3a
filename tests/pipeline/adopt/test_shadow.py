"""In shadow the meter is only read and compared; who was adopted is sent."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from billing.errors import BadInput, MeterUnavailable, SettingsFault
from billing.ledger.adopt.shadow import ShadowRule, refuse_shadow_of_senders
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import shadow_reading
from billing.pipeline.adopt.shadow import ShadowReport, refuse_all_in_shadow
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.reconcile.reconcile import ReconcileOptions
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.send import Outcome
from tests.pipeline.adopt.another_program import DAY, HOUR, adopt, report
from tests.pipeline.bench import NOON, START, Bench, call, of

CUSTOMERS = {"acme": "cus_acme", "globex": "cus_globex"}
RULE = ShadowRule(True, CUSTOMERS, "stripe_minutes", False)


class ShadowBench(Bench):
    """A bench whose settings say shadow."""

    rule = RULE

    def sync_options(self) -> SyncOptions:
        """Return what a sync is handed."""
        return replace(super().sync_options(), shadow=self.rule)

    def reconcile_options(self) -> ReconcileOptions:
        """Return what a reconciliation is handed."""
        return replace(super().reconcile_options(), shadow=self.rule)

    def compared(self) -> ShadowReport:
        """Run a cycle, and return what was compared in it."""
        shadow = self.cycle().shadow
        assert shadow is not None
        return shadow

    def readings(self) -> int:
        """Count the readings that are kept of acme's meter."""
        name = shadow_reading.name
        [(count,)] = self.rows(f"SELECT count(*) FROM {name} WHERE customer = 'acme'")
        return int(count)


@pytest.fixture
def fed(ledger: Ledger) -> Iterator[ShadowBench]:
    """Give a new ledger in shadow, on a meter that another program feeds rightly."""
    bench = ShadowBench(ledger=ledger, sole_reporter=False)
    bench.source.calls += [
        call("a", NOON, 300, **of("acme")),
        call("g", NOON, 120, **of("globex")),
    ]
    report(bench, 5)
    report(bench, 2, customer="globex")
    yield bench
    assert bench.meter.broken_rules == []


def sent(bench: Bench) -> set[str]:
    return {request.event.customer for request in bench.meter.requests}


def test_nothing_is_staged_and_parity_holds(fed: ShadowBench) -> None:
    done = fed.cycle()
    assert (done.failed, done.errors, done.reconciliations) == (False, [], [])
    assert done.shadow is not None
    assert done.shadow.customers == ("acme", "globex")
    assert (done.shadow.verdict.held_days, done.shadow.verdict.broken) == (1, [])
    assert fed.rows("SELECT count(*) FROM meter_event") == [(0,)]
    assert fed.rows("SELECT sum(billed_minutes) FROM b2b_usage") == [(7,)]
    assert not fed.meter.requests


def test_what_stands_there_too_much_breaks_parity(fed: ShadowBench) -> None:
    report(fed, 3, customer="globex")
    done = fed.cycle()
    assert (done.failed, done.errors) == (True, [])
    assert done.shadow is not None
    [broken] = done.shadow.verdict.broken
    assert (broken.customer, broken.judged[-1].difference) == ("globex", 3)


def test_a_reading_is_kept_when_it_differs_and_once_a_settled_day(
    fed: ShadowBench,
) -> None:
    counts = []
    for hours in (0, 1, 1, 24, 1):
        fed.clock.advance(hours=hours)
        fed.cycle()
        counts.append(fed.readings())
    assert counts == [1, 1, 1, 2, 2]
    report(fed, 1, NOON + DAY)
    fed.cycle()
    assert fed.readings() == 3


def test_who_was_adopted_is_sent_and_reconciled_and_the_others_stay_in_shadow(
    fed: ShadowBench,
) -> None:
    fed.cycle()
    adopt(fed, NOON + HOUR, stopped_at=NOON + HOUR)
    fed.source.calls += [
        call("later", START, 60, **of("acme")),
        call("other", START, 60, **of("globex")),
    ]
    report(fed, 1, START, "globex")
    fed.clock.advance(hours=2)
    done = fed.cycle()
    assert sent(fed) == {"acme"}
    assert done.sync is not None
    assert (done.sync.in_shadow, done.sync.outcomes) == (
        ["globex"],
        {Outcome.SYNCED: 1},
    )
    assert done.shadow is not None
    assert done.shadow.customers == ("globex",)
    [march] = done.reconciliations
    assert [customer.customer for customer in march.customers] == ["acme"]
    fed.clock.advance(hours=24)
    done = fed.cycle()
    assert [run.difference_minutes for run in done.reconciliations] == [0]
    assert not done.failed


def test_when_nobody_is_left_in_shadow_nothing_is_compared(fed: ShadowBench) -> None:
    fed.cycle()
    adopt(fed, NOON + HOUR, stopped_at=NOON + HOUR, customers=CUSTOMERS)
    done = fed.cycle()
    assert done.shadow is None
    assert done.sync is not None
    assert done.sync.in_shadow == []


@pytest.mark.parametrize(
    "rule",
    [
        replace(RULE, livemode=True),
        replace(RULE, meter="another_meter"),
        replace(RULE, stripe_customers={"acme": "cus_acme2", "globex": "cus_globex"}),
    ],
    ids=["live mode", "another meter", "another customer at Stripe"],
)
def test_a_cut_over_counts_for_its_own_meter_alone(
    fed: ShadowBench, rule: ShadowRule
) -> None:
    fed.cycle()
    adopt(fed, NOON + HOUR, stopped_at=NOON + HOUR)
    fed.rule = rule
    fed.clock.advance(hours=2)
    fed.take(call("later", START, 60, **of("acme")))
    assert fed.sync().in_shadow == ["acme", "globex"]
    assert not fed.meter.requests


def refuse(bench: Bench) -> None:
    with bench.ledger.reading() as connection:
        refuse_shadow_of_senders(connection, RULE)


def test_shadow_is_refused_for_who_sends_without_an_adoption(ledger: Ledger) -> None:
    bench = Bench(ledger=ledger)
    refuse(bench)
    bench.take(call("a", NOON, 300))
    bench.sync()
    with pytest.raises(SettingsFault, match="has sent for acme already, without an"):
        refuse(bench)


def test_shadow_is_fine_for_the_others_after_a_cut_over_has_sent(
    fed: ShadowBench,
) -> None:
    fed.cycle()
    adopt(fed, NOON + HOUR, stopped_at=NOON + HOUR)
    fed.clock.advance(hours=2)
    fed.take(call("later", START, 60, **of("acme")))
    fed.sync()
    assert sent(fed) == {"acme"}
    refuse(fed)


def test_a_reconciliation_of_nobody_is_refused(fed: ShadowBench) -> None:
    with pytest.raises(BadInput, match="every customer is in shadow"):
        refuse_all_in_shadow(fed.ledger, fed.sync_options())


def test_a_customer_that_stripe_does_not_know_is_named(fed: ShadowBench) -> None:
    fed.meter.missing.add("cus_globex")
    done: CycleReport = fed.cycle()
    [error] = done.errors
    assert error.startswith("the meter of globex cannot be compared in 2026-03: ")
    assert done.shadow is not None
    assert done.shadow.verdict.unread == ("globex",)
    assert done.shadow.verdict.held_days == 0


def test_a_stripe_that_does_not_answer_is_an_error_and_keeps_what_was_read(
    fed: ShadowBench,
) -> None:
    fed.cycle()

    def down(*_: object) -> dict[object, int]:
        raise MeterUnavailable("no answer")

    fed.meter.read_hours = down  # type: ignore[method-assign,assignment]
    done = fed.cycle()
    assert done.errors == ["Stripe: no answer"]
    assert done.shadow is None
    assert fed.readings() == 1


def test_a_month_is_read_by_the_hour_till_its_invoices_are_final_then_daily(
    fed: ShadowBench,
) -> None:
    fed.cycle()
    asked: list[str] = []
    read_hours = fed.meter.read_hours

    def watched(stripe_customer: str, window: object) -> object:
        asked.append(f"{window.start:%m}")  # type: ignore[attr-defined]
        return read_hours(stripe_customer, window)  # type: ignore[arg-type]

    fed.meter.read_hours = watched  # type: ignore[method-assign,assignment]
    seen = []
    for hours in (24 * 22, 24 * 3, 1, 24):
        fed.clock.advance(hours=hours)
        asked.clear()
        fed.cycle()
        seen.append(sorted(set(asked)))
    assert seen == [["03", "04"], ["03", "04"], ["04"], ["03", "04"]]
