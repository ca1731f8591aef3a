"""Invoices: what a cycle bills, until when usage gets onto it, and what stays off."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.metering.rejections import Rejection
from tests.sandbox.stripe.billing.billing_world import DAY, HOUR, BillingSite
from tests.sandbox.stripe.stripe_world import EVENT, second

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FINAL = APRIL + 3 * HOUR


@pytest.fixture
def site() -> BillingSite:
    site = BillingSite()
    site.subscribe(MARCH)
    return site


def test_a_cycle_is_a_draft_then_open_then_paid(site: BillingSite) -> None:
    site.use(MARCH + DAY, "30")
    assert site.billed(APRIL - SECOND) == []
    assert site.billed(APRIL) == [("draft", "30", 300)]
    assert site.billed(APRIL + HOUR - SECOND) == [("draft", "30", 300)]
    assert site.billed(APRIL + HOUR) == [("open", "30", 300)]
    assert site.billed(APRIL + 2 * HOUR) == [("paid", "30", 300)]
    assert site.billed(MAY) == [("draft", "0", 0), ("paid", "30", 300)]
    assert site.billed(MAY + HOUR)[0] == ("paid", "0", 0), "nothing to pay"


def test_a_cycle_takes_its_start_and_not_its_end(site: BillingSite) -> None:
    for moment, value in [(MARCH, "1"), (APRIL - SECOND, "10"), (APRIL, "100")]:
        site.use(moment, value, APRIL + SECOND)
    assert site.billed(MAY + 2 * HOUR) == [("paid", "100", 1000), ("paid", "11", 110)]


@pytest.mark.parametrize(
    ("reported", "billed"),
    [
        (APRIL - HOUR, "37"),
        (APRIL + HOUR - SECOND, "37"),
        (APRIL + HOUR, "30"),
        (APRIL + 10 * DAY, "30"),
    ],
)
def test_usage_that_comes_after_finalization_is_on_no_invoice(
    site: BillingSite, reported: datetime, billed: str
) -> None:
    site.use(MARCH + 20 * DAY, "30")
    site.use(MARCH + 21 * DAY, "7", reported)
    assert [quantity for _, quantity, _ in site.billed(MAY)] == ["0", billed]
    found = site.summaries(MARCH, APRIL, MAY)
    assert found == [(second(MARCH), 37)], "the summary counts it all the same"


@pytest.mark.parametrize(
    ("cancelled", "billed"),
    [(APRIL, "5"), (APRIL + HOUR - SECOND, "5"), (APRIL + HOUR, "12")],
)
def test_a_cancellation_counts_until_finalization(
    site: BillingSite, cancelled: datetime, billed: str
) -> None:
    site.use(MARCH + DAY, "5")
    name = site.use(APRIL - HOUR, "7")
    site.mode.cancel_event(EVENT, name, cancelled)
    assert site.billed(FINAL)[0][1] == billed


def test_a_draft_follows_what_counts_and_a_final_invoice_does_not(
    site: BillingSite,
) -> None:
    site.use(MARCH + DAY, "5")
    before = site.billed(APRIL)
    site.use(MARCH + DAY, "3", APRIL + 10 * SECOND, "late")
    assert (before[0][1], site.billed(APRIL + HOUR / 2)[0][1]) == ("5", "8")
    frozen = site.invoices(FINAL)
    site.use(MARCH + DAY, "9", FINAL, "too late")
    assert site.invoices(FINAL + HOUR) == frozen


def test_what_is_rejected_is_never_billed(site: BillingSite) -> None:
    site.use(MARCH + DAY, "5")
    order = Rejection("meter_event_invalid_value", count=1, delay=3 * DAY)
    site.mode.reject(order)
    site.use(APRIL - HOUR, "7")
    assert site.billed(APRIL)[0][1] == "5"
    assert site.billed(FINAL)[0][1] == "5"


@pytest.mark.parametrize(
    ("values", "quantity", "whole", "amount"),
    [
        (["5", "-7"], "0", 0, 0),
        (["5", "-5"], "0", 0, 0),
        (["5", "-2"], "3", 3, 30),
        (["2.5", "0.125"], "2.625", 2, 26),
        (["0.05"], "0.05", 0, 1),
        (["10", "90"], "100", 100, 1_000),
    ],
)
def test_a_line_has_the_exact_quantity_and_one_that_is_cut(
    site: BillingSite, values: list[str], quantity: str, whole: int, amount: int
) -> None:
    for number, value in enumerate(values):
        site.use(MARCH + number * HOUR, value)
    (line,) = site.invoices(FINAL)[0]["lines"]["data"]
    assert line["quantity_decimal"] == quantity
    assert (line["quantity"], line["amount"]) == (whole, amount)


@pytest.mark.parametrize("grace", [timedelta(0), 5 * HOUR, 72 * HOUR])
def test_the_grace_period_is_a_rule(site: BillingSite, grace: timedelta) -> None:
    site.rules.invoice_grace = grace
    final = site.invoices(APRIL + grace)[0]
    assert final["status_transitions"]["finalized_at"] == second(APRIL + grace)
    assert final["automatically_finalizes_at"] is None
    if grace:
        draft = site.invoices(APRIL)[0]
        assert draft["automatically_finalizes_at"] == second(APRIL + grace)
        assert draft["status_transitions"]["finalized_at"] is None


def test_an_invoice_that_is_made_keeps_its_grace(site: BillingSite) -> None:
    site.invoices(APRIL)
    site.rules.invoice_grace = 72 * HOUR
    assert site.billed(APRIL + HOUR)[0][0] == "paid"


def test_invoices_do_not_depend_on_when_they_are_looked_at(site: BillingSite) -> None:
    watched = BillingSite()
    watched.subscribe(MARCH)
    for hour in range(24 * 62):
        now = MARCH + hour * HOUR
        for one in (site, watched):
            one.use(now, str(hour % 7), now + (hour % 5) * HOUR)
        watched.invoices(now)
    assert site.invoices(MAY + DAY) == watched.invoices(MAY + DAY)


def test_two_subscriptions_to_one_meter_bill_the_same_minutes_twice(
    site: BillingSite,
) -> None:
    site.subscribe(MARCH)
    site.use(MARCH + DAY, "5")
    assert [quantity for _, quantity, _ in site.billed(FINAL)] == ["5", "5"]


def test_a_cancelled_subscription_leaves_its_last_usage_unbilled(
    site: BillingSite,
) -> None:
    (one,) = site.billing.subscriptions.by_id
    site.use(MARCH + DAY, "5")
    site.billing.cancel_subscription(one, {}, MARCH + 9 * DAY)
    assert site.billed(MAY) == []


def test_a_cancelled_subscription_can_be_invoiced_at_once(site: BillingSite) -> None:
    (one,) = site.billing.subscriptions.by_id
    site.use(MARCH + DAY, "5")
    end = MARCH + 9 * DAY
    site.billing.cancel_subscription(one, {"invoice_now": "true"}, end)
    (invoice,) = site.invoices(MAY)
    assert (invoice["total"], invoice["period_end"]) == (50, second(end))


def test_the_bill_of_a_deleted_customer_never_comes(site: BillingSite) -> None:
    site.use(MARCH + DAY, "5")
    site.mode.delete_customer(site.customer, APRIL - SECOND)
    assert site.billed(MAY) == []


def test_a_preview_shows_the_running_cycle(site: BillingSite) -> None:
    site.use(MARCH + DAY, "5")
    asked = {"customer": site.customer}
    preview = site.billing.preview_invoice(asked, MARCH + 2 * DAY)
    assert (preview["total"], preview["billing_reason"]) == (50, "upcoming")
    assert site.invoices(MARCH + 2 * DAY) == []


def test_a_saved_account_has_the_same_invoices(site: BillingSite) -> None:
    site.use(MARCH + DAY, "5")
    site.invoices(APRIL)
    state = site.account.to_state()
    site.rules.invoice_grace = 72 * HOUR
    again = StripeAccount.from_state(state, site.rules)
    listed = again.test.billing.list_invoices({}, FINAL)
    assert listed["data"] == site.invoices(FINAL)


def test_a_state_from_before_there_was_billing_can_be_read(site: BillingSite) -> None:
    state = site.account.to_state()
    for half in ("test", "live"):
        mode = state[half]
        assert isinstance(mode, dict)
        del mode["billing"], mode["rejections"]
    again = StripeAccount.from_state(state, site.rules)
    assert again.test.billing.list_invoices({}, FINAL)["data"] == []
