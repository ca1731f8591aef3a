"""A customer's month stays as it was, whoever the settings name today."""

from dataclasses import replace
from datetime import timedelta

from billing.domain.break_causes import Cause
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.queries.statement_lines import StripeShare, stripe_shares
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.registry import Customer
from billing.pipeline.reconcile.reconcile import CLOSELY
from tests.pipeline.bench import MARCH, NOON, Bench, call
from tests.pipeline.mishaps import settle, take_and_sync

HOUR = timedelta(hours=1)


def names_of(report: Reconciliation) -> dict[str, str]:
    return {each.customer: each.stripe_customer for each in report.customers}


def minutes_of(report: Reconciliation) -> dict[str, tuple[int, int]]:
    return {
        each.customer: (each.ledger_minutes, each.stripe_minutes)
        for each in report.customers
    }


def rename_acme(bench: Bench) -> None:
    """Let acme go on as nova, under the same Stripe customer."""
    bench.stripe_customers = {"nova": "cus_acme", "globex": "cus_globex"}
    with bench.ledger.writing() as connection:
        registry.register(
            connection,
            Actor("tests", bench.clock.now()),
            customers=[Customer("nova", "cus_acme")],
            accounts=[],
            prices=[],
        )
    account = replace(bench.rules.account, customer="nova")
    names = frozenset(bench.stripe_customers)
    bench.rules = replace(bench.rules, account=account, customers=names)


def send_another(bench: Bench, seconds: int = 120) -> None:
    bench.take(call("later", NOON + HOUR, seconds))
    bench.sync()


def test_a_month_names_the_stripe_customer_that_its_events_carry(bench: Bench) -> None:
    take_and_sync(bench)
    bench.stripe_customers["acme"] = "cus_other"
    report = bench.reconcile()
    assert report.clean
    assert names_of(report)["acme"] == "cus_acme"


def test_a_month_that_was_remapped_names_both(bench: Bench) -> None:
    take_and_sync(bench)
    bench.stripe_customers["acme"] = "cus_other"
    send_another(bench)
    report = bench.reconcile()
    assert report.clean
    assert names_of(report)["acme"] == "cus_acme, cus_other"
    with bench.ledger.reading() as connection:
        shares = stripe_shares(connection, MARCH, "acme")
    assert shares == [StripeShare("cus_acme", 5), StripeShare("cus_other", 2)]


def test_a_customer_that_was_renamed_leaves_nothing_foreign(bench: Bench) -> None:
    take_and_sync(bench)
    rename_acme(bench)
    send_another(bench)
    assert minutes_of(bench.reconcile()) == {
        "acme": (5, 5),
        "globex": (0, 0),
        "nova": (2, 2),
    }
    assert bench.reconcile().clean
    assert bench.reconcile(depth=CLOSELY).clean


def test_what_is_foreign_at_a_shared_customer_is_found_once(bench: Bench) -> None:
    take_and_sync(bench)
    rename_acme(bench)
    send_another(bench)
    [request, *_] = bench.meter.counted
    foreign = replace(request.event, sequence=9, minutes=3)
    bench.meter.counted.append(replace(request, event=foreign))
    bench.reconcile()
    settle(bench)
    report = bench.reconcile()
    breaks = [(each.customer, each.item.cause) for each in report.breaks]
    assert breaks == [("nova", Cause.FOREIGN_EVENT)]
    assert sum(each.item.minutes for each in report.breaks) == 3
    assert report.difference_minutes == 3
