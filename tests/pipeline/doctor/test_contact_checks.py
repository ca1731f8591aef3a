"""The doctor reads what stands at the meter before a send, and keeps nothing."""

from billing.errors import MeterFault
from billing.pipeline.doctor.checks import Check
from billing.pipeline.doctor.contact_checks import check_contacts
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.sync.contact.contacts import CONTACTS, stranger


def checked(bench: Bench) -> list[Check]:
    now = bench.clock.now()
    return [*check_contacts(bench.ledger, bench.meter, bench.stripe_customers, now)]


def test_an_empty_meter_is_in_order_and_nothing_is_kept(bench: Bench) -> None:
    [found] = checked(bench)
    assert found == Check(
        "first contact", True, "no minutes at the meter that are not from this ledger"
    )
    assert bench.rows(CONTACTS) == []


def test_what_was_sent_from_here_is_no_news(bench: Bench) -> None:
    bench.take(call("c", NOON, 300))
    bench.sync()
    [found] = checked(bench)
    assert found.passed


def test_minutes_of_somebody_else_are_named(bench: Bench) -> None:
    stranger(bench, 4, NOON)
    [found] = checked(bench)
    assert (found.name, found.passed) == ("first contact", False)
    assert "acme" in found.found
    assert "4" in found.found


def test_whoever_is_unread_is_named_beside_the_others(bench: Bench) -> None:
    def odd(stripe_customer: str, window: object) -> int:
        if stripe_customer == "cus_acme":
            raise MeterFault("the summary is odd")
        return 0

    bench.meter.read_total = odd  # type: ignore[method-assign]
    [found] = checked(bench)
    assert (found.name, found.passed) == ("first contact of acme", False)


def test_without_a_meter_there_is_nothing_to_read(bench: Bench) -> None:
    bench.meter.state = None
    assert checked(bench) == []


def test_a_meter_that_does_not_answer_is_one_finding(bench: Bench) -> None:
    bench.meter.down = True
    [found] = checked(bench)
    assert (found.name, found.passed) == ("first contact", False)
