"""Customers of the account: all of them page by page, and who was deleted since."""

from datetime import timedelta

import pytest

from billing.errors import MeterFault
from tests.gateways.desk import MeterDesk
from tests.gateways.scripted import METER_ROW, listing, meter_at, serving
from tests.sandbox.pamela.pamela_world import NOW

SECOND = timedelta(seconds=1)


def everybody(desk: MeterDesk) -> list[list[str]]:
    """Read all pages."""
    pages, after = [], None
    while True:
        page = desk.meter.list_customers(after)
        pages.append([*page.customers])
        if not page.more:
            return pages
        after = page.customers[-1]


def test_all_customers_are_on_pages_of_a_hundred(desk: MeterDesk) -> None:
    for number in range(204):
        desk.world.sandbox.add_customer(f"cus_{number:03}", None)
    pages = everybody(desk)
    assert [len(page) for page in pages] == [100, 100, 5]
    assert len({name for page in pages for name in page}) == 205


def test_who_was_deleted_is_on_no_page_and_is_an_event(desk: MeterDesk) -> None:
    mode = desk.world.sandbox.stripe.test
    for name in ("cus_b", "cus_c"):
        desk.world.sandbox.add_customer(name, None)
    mode.delete_customer("cus_b", NOW)
    mode.delete_customer("cus_c", NOW + 60 * SECOND)
    assert everybody(desk) == [["cus_acme"]]
    assert set(desk.meter.deleted_customers(NOW)) == {"cus_b", "cus_c"}
    assert list(desk.meter.deleted_customers(NOW + SECOND)) == ["cus_c"]
    assert list(desk.meter.deleted_customers(NOW + 61 * SECOND)) == []


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([{"id": "cus_b", "livemode": True}], False),  # of the other mode
        ([{"id": "cus_a", "livemode": False}], True),  # it does not go on
        ([], True),
        ([{"livemode": False}], False),
    ],
)
def test_a_page_that_makes_no_sense_is_a_fault(
    rows: list[dict[str, object]], more: bool
) -> None:
    def answer(path: str) -> object:
        if path.startswith("/v1/billing/meters?"):
            return listing(METER_ROW)
        return {"object": "list", "data": rows, "has_more": more}

    with (
        serving(answer) as server,
        meter_at(server.url) as meter,
        pytest.raises(MeterFault),
    ):
        meter.list_customers("cus_a")


def test_an_event_of_another_kind_is_a_fault() -> None:
    event = {
        "id": "evt_1",
        "type": "customer.created",
        "livemode": False,
        "data": {"object": {"id": "cus_a"}},
    }

    def answer(path: str) -> object:
        meters = path.startswith("/v1/billing/meters?")
        return listing(METER_ROW if meters else event)

    with (
        serving(answer) as server,
        meter_at(server.url) as meter,
        pytest.raises(MeterFault, match="of another type"),
    ):
        meter.deleted_customers(NOW)
