"""Identity: no account is pulled that is not the one its name stood for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from billing.domain.account_identity import SourceIdentity
from billing.domain.break_causes import Cause
from billing.domain.period import BillingPeriod
from billing.errors import SourceUnavailable
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.registry import Account
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import pull_month, run_cycle
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.identity import Sources, identify_sources
from billing.pipeline.reconcile.reconcile import reconcile_period
from billing.ports import SourceTotals
from tests.pipeline.bench import MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import ListedSource

WEEK = timedelta(days=7)


def rules_of(bench: Bench, name: str) -> AccountRules:
    """Register an account, as the settings do for each of their names."""
    account = Account(name, bench.customers[0], "customer")
    with bench.ledger.writing() as connection:
        actor = Actor("tests", bench.clock.now())
        registry.register(
            connection, actor, customers=[], accounts=[account], prices=[]
        )
    return replace(bench.rules, account=account)


def cycle(bench: Bench, *sources: ListedSource) -> CycleReport:
    """Run a cycle over sources, each under its name in the settings."""
    pairs = [(source, rules_of(bench, source.label)) for source in sources]
    options = bench.cycle_options().only(pairs)
    return run_cycle(bench.ledger, bench.meter, options, [MARCH], lambda _: no_progress)


def identify(bench: Bench, *sources: ListedSource) -> Sources:
    pairs = [(source, rules_of(bench, source.label)) for source in sources]
    options = bench.cycle_options()
    return identify_sources(
        bench.ledger, pairs, bench.clock, "tests", options.concurrency
    ).sources


def names_of(sources: Sources) -> Sequence[tuple[str, str]]:
    return [(source.label, source.account) for source, _ in sources]


def test_an_account_is_recorded_at_its_first_pull_and_no_more(bench: Bench) -> None:
    cycle(bench, bench.source)
    cycle(bench, bench.source)
    rows = bench.rows("SELECT account, partner_id, project_id FROM account_identity")
    assert rows == [("main", "partner of main", None)]
    [(digest,)] = bench.rows("SELECT key_digest FROM account_identity")
    assert len(digest) == 64


def test_a_renamed_account_is_the_same_account(bench: Bench) -> None:
    bench.source.calls.append(call("c", seconds=660))
    cycle(bench, bench.source)
    other = bench.source.relabelled("z")
    report = cycle(bench, other)
    assert report.errors == []
    assert [result.account for result in report.pulls] == ["z"]
    assert bench.minutes() == {"acme": 11}
    assert bench.rows("SELECT DISTINCT account FROM call") == [("main",)]
    assert names_of(identify(bench, other)) == [("z", "main")]
    back = identify(bench, bench.source)
    assert names_of(back) == [("main", "main")]
    renames = bench.rows("SELECT was, now FROM account_rename ORDER BY id")
    assert renames == [("main", "z"), ("main", "main")]


def test_two_names_of_one_account_are_not_pulled_and_others_are(bench: Bench) -> None:
    twin = bench.source.relabelled("twin")
    twin.key = "another key"
    third = ListedSource("third")
    third.calls.append(call("t", seconds=60))
    bench.source.calls.append(call("c", seconds=660))
    report = cycle(bench, bench.source, twin, third)
    assert [result.account for result in report.pulls] == ["third"]
    assert report.failed
    assert len(report.errors) == 2
    assert bench.minutes() == {"acme": 1}


def test_a_ledger_from_before_knows_an_account_by_its_calls(bench: Bench) -> None:
    bench.take(call("c", seconds=660))
    other = bench.source.relabelled("z")
    assert names_of(identify(bench, other)) == [("z", "main")]


def test_a_ledger_from_before_refuses_what_knows_none_of_its_calls(
    bench: Bench,
) -> None:
    bench.take(call("c", seconds=660))
    bench.source.calls.clear()
    assert names_of(identify(bench, bench.source)) == []


def test_a_source_without_an_answer_goes_on_by_its_key(bench: Bench) -> None:
    class Silent(ListedSource):
        def read_identity(self) -> SourceIdentity:
            raise SourceUnavailable(self.label, "no answer")

    silent = Silent()
    report = cycle(bench, silent)
    assert report.pulls == []
    assert "no answer" in report.errors[0]
    cycle(bench, bench.source)
    assert [result.account for result in cycle(bench, silent).pulls] == ["main"]
    silent.key = "another"
    assert cycle(bench, silent).pulls == []


def test_a_source_that_becomes_another_while_it_is_read_is_not_read_whole(
    bench: Bench,
) -> None:
    class Turncoat(ListedSource):
        def read_totals(self, period: BillingPeriod) -> SourceTotals:
            totals = super().read_totals(period)
            return replace(totals, identity=SourceIdentity("partner_other", None))

    report = cycle(bench, Turncoat())
    [error] = report.errors
    assert "it became the whole partner partner_other while it was read" in error
    assert bench.rows("SELECT state FROM pull") == [("failed",)]


def test_an_identity_that_cannot_be_probed_waits(bench: Bench) -> None:
    bench.take(call("c", seconds=660))

    class Broken(ListedSource):
        def get_call(self, call_id: str) -> None:
            raise SourceUnavailable(self.label, "no answer")

    report = cycle(bench, Broken())
    assert (report.pulls, len(report.errors)) == ([], 1)


def test_a_call_in_two_accounts_is_billed_once_and_named(bench: Bench) -> None:
    other = ListedSource("other")
    bench.source.calls.append(call("c", seconds=660))
    other.calls += [call("c", seconds=660), call("own", seconds=60)]
    report = cycle(bench, bench.source, other)
    assert bench.minutes() == {"acme": 12}
    assert report.pulls[1].certificate is not None
    assert report.pulls[1].certificate.quarantined == {"call_in_two_accounts": 1}
    held = "SELECT account, call_id, reason FROM quarantine"
    assert bench.rows(held) == [("other", "c", "call_in_two_accounts")]
    [run] = report.reconciliations
    account = next(each for each in run.accounts if each.account == "other")
    [item] = account.breaks
    assert (item.cause, item.minutes) == (Cause.CALL_IN_TWO_ACCOUNTS, -11)
    assert item.calls == ("c",)
    assert report.failed


def test_calls_of_one_id_made_at_other_times_are_two(bench: Bench) -> None:
    other = ListedSource("other")
    bench.source.calls.append(call("c", seconds=660))
    other.calls.append(call("c", NOON + timedelta(minutes=1), seconds=60))
    cycle(bench, bench.source, other)
    assert bench.minutes() == {"acme": 12}


def test_an_id_used_again_leaves_what_was_billed(bench: Bench) -> None:
    bench.source.calls.append(call("c", seconds=300))
    cycle(bench, bench.source)
    bench.clock.advance(days=8)
    later = NOON + WEEK
    bench.source.calls[:] = [call("c", later, seconds=660)]
    report = cycle(bench, bench.source)
    assert bench.minutes() == {"acme": 5}
    held = "SELECT call_id, reason, period FROM quarantine WHERE released_at IS NULL"
    assert bench.rows(held) == [("c", "id_reused", "2026-03")]
    [run] = report.reconciliations
    causes = {owned.item.cause for owned in run.breaks}
    assert Cause.MISSING_AT_SOURCE in causes
    bench.source.calls[:] = [call("c", seconds=300)]
    bench.clock.advance(days=2)
    cycle(bench, bench.source)
    assert bench.rows(held) == []
    assert bench.minutes() == {"acme": 5}


def test_other_sources_are_left_as_they_are(bench: Bench) -> None:
    bench.source.calls.append(call("c", seconds=300, **of("globex")))
    [(source, rules)] = identify(bench, bench.source)
    options = bench.cycle_options()
    pull_month(bench.ledger, source, rules, options, MARCH, watch=lambda _: no_progress)
    assert bench.minutes() == {"globex": 5}
    report = reconcile_period(bench.ledger, bench.meter, options.reconcile, MARCH)
    assert report.complete
