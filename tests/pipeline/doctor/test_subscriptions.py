"""Terms that do not fit are worth a word, and are never a fault of the set-up."""

from dataclasses import replace
from datetime import timedelta

from billing.domain.period import Window
from billing.domain.stripe_invoice import InvoiceLine, MeteredItem, StripeInvoice
from billing.errors import MeterRefused, NoSuchCustomer
from billing.pipeline.doctor.checks import Check
from billing.pipeline.doctor.subscriptions import ExpectedTerms, check_subscriptions
from tests.domain.test_subscription_terms import FIRST, HOUR, ITEM, PRICE
from tests.pipeline.fakes import StrictMeter, VirtualClock

NOW = FIRST + timedelta(days=40)
CUSTOMERS = {"acme": "cus_acme", "globex": "cus_globex"}


class ClosedBooks(StrictMeter):
    """A meter whose key may not read subscriptions."""

    def read_subscriptions(self, stripe_customer: str) -> list[MeteredItem]:
        raise MeterRefused("the key may not")


class UnknownAcme(StrictMeter):
    """A meter that does not know one customer."""

    def read_subscriptions(self, stripe_customer: str) -> list[MeteredItem]:
        if stripe_customer == "cus_acme":
            raise NoSuchCustomer("no such customer")
        return [ITEM]


def invoice(grace: timedelta) -> StripeInvoice:
    made = FIRST + timedelta(days=31)
    line = InvoiceLine(
        price="price_1",
        quantity=7,
        window=Window(FIRST, made),
        amount_minor=70,
        currency="usd",
    )
    return StripeInvoice(
        name="in_1",
        status="open",
        final=True,
        created_at=made,
        finalized_at=made + grace,
        finalizes_at=None,
        lines=(line,),
    )


def examined(meter: StrictMeter, grace: timedelta = 48 * HOUR) -> list[Check]:
    return list(check_subscriptions(meter, CUSTOMERS, ExpectedTerms(PRICE, grace, NOW)))


def fit(meter: StrictMeter) -> StrictMeter:
    for stripe_customer in CUSTOMERS.values():
        meter.items[stripe_customer] = [ITEM]
        meter.invoices[stripe_customer] = [invoice(48 * HOUR)]
    return meter


def test_fitting_terms_are_said_without_a_remedy() -> None:
    checks = examined(fit(StrictMeter(clock=VirtualClock(NOW))))
    assert [check.name for check in checks] == [
        "subscription of acme",
        "subscription of globex",
        "grace period",
    ]
    assert [check.mark for check in checks] == ["✓"] * 3


def test_what_does_not_fit_is_worth_a_word_and_fails_nothing() -> None:
    meter = fit(StrictMeter(clock=VirtualClock(NOW)))
    meter.items["cus_acme"] = [replace(ITEM, interval="week", threshold=True)]
    meter.items["cus_globex"] = []
    checks = examined(meter, 72 * HOUR)
    assert [check.mark for check in checks] == ["!"] * 4
    assert all(check.passed and check.remedy for check in checks)
    assert "the settings say 72 h" in checks[-1].found


def test_without_an_invoice_the_settings_are_believed() -> None:
    meter = fit(StrictMeter(clock=VirtualClock(NOW)))
    meter.invoices.clear()
    assert examined(meter)[-1].found == "no invoice tells yet"
    assert "too short" in examined(meter, HOUR)[-1].found


def test_a_key_that_may_not_read_subscriptions_is_worth_a_word() -> None:
    [check] = examined(ClosedBooks(VirtualClock(NOW)))
    assert check.mark == "!"
    assert "may not" in check.found
    assert "let the key read" in check.remedy


def test_a_customer_that_stripe_does_not_know_is_passed_over() -> None:
    names = [check.name for check in examined(UnknownAcme(VirtualClock(NOW)))]
    assert names == ["subscription of globex", "grace period"]
