"""API v2's event list: thin events in pages, by type and time, for thirty days."""

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.stripe_world import T0, StripeSite

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NOBODY = {"stripe_customer_id": "cus_nobody", "value": "5"}
REPORT = "v1.billing.meter.error_report_triggered"
NO_METER = "v1.billing.meter.no_meter_found"


def core_events(site: StripeSite, **asked: Any) -> list[Any]:
    """List API v2's events, page after page, with Stripe's own client."""
    events = site.client().v2.core.events
    params: Any = asked
    return list(events.list(params).auto_paging_iter())


def test_stripes_client_lists_events_in_pages_and_retrieves_them(
    stripe_site: StripeSite,
) -> None:
    for number in range(5):
        event = stripe_site.event(f"e{number}", payload=NOBODY)
        stripe_site.send(event, T0 + number * 10 * SECOND)
    stripe_site.clock.advance(60)
    found = core_events(stripe_site, limit=2, types=[REPORT, NO_METER])
    created = [one.created for one in found]
    assert len(created) == 5
    assert created == sorted(created, reverse=True)
    assert not hasattr(found[0], "data")
    whole = stripe_site.client().v2.core.events.retrieve(found[0].id)
    assert isinstance(whole, stripe.events.V1BillingMeterErrorReportTriggeredEvent)
    (kind,) = whole.data.reason.error_types
    assert kind.sample_errors[0].request.identifier == "e4"
    assert whole.fetch_related_object().id == stripe_site.meter
    stripe_site.rules.listed_events_have_data = True
    assert core_events(stripe_site)[0].data.reason.error_count == 1


def test_pages_lead_back_too(stripe_site: StripeSite) -> None:
    for number in range(4):
        event = stripe_site.event(f"e{number}", payload=NOBODY)
        stripe_site.send(event, T0 + number * 10 * SECOND)
    mode, later = stripe_site.mode, T0 + DAY

    def page(url: Any) -> Any:
        token = {"page": url.rpartition("page=")[2].replace("%3D", "=")} if url else {}
        return mode.list_core_events({"limit": "3", **token}, later)

    first = page(None)
    second = page(first["next_page_url"])
    assert (len(first["data"]), len(second["data"])) == (3, 1)
    assert second["next_page_url"] is None
    assert page(second["previous_page_url"]) == first


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"types": [REPORT]}, 2),
        ({"types": [NO_METER]}, 0),
        ({"created": {"gte": "2026-03-10T12:00:20Z"}}, 1),
        ({"created": {"gt": "2026-03-10T12:00:20Z"}}, 0),
        ({"created": {"lt": "2026-03-10T12:00:20.000Z"}}, 1),
        ({"created": {"lte": "2026-03-10T14:00:20+02:00"}}, 2),
        ({"object_id": "mtr_none"}, 0),
    ],
)
def test_events_are_listed_as_asked(
    stripe_site: StripeSite, asked: dict[str, Any], found: int
) -> None:
    for number in range(2):
        event = stripe_site.event(f"e{number}", payload=NOBODY)
        stripe_site.send(event, T0 + number * 10 * SECOND)
    stripe_site.clock.advance(60)
    assert len(core_events(stripe_site, **asked)) == found


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 101},
        {"created": {"gte": "yesterday"}},
        {"created": {"since": "2026-03-10T12:00:20Z"}},
        {"page": "elsewhere"},
        {"page": "YWZ0ZXI6ZXZ0X25vbmU="},
        {"types": REPORT},
        {"customer": "cus_1"},
    ],
)
def test_a_list_that_stripe_would_refuse_is_refused(
    stripe_site: StripeSite, asked: dict[str, Any]
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        core_events(stripe_site, **asked)


def test_an_event_is_kept_for_thirty_days(stripe_site: StripeSite) -> None:
    stripe_site.send(stripe_site.event(payload=NOBODY))
    stripe_site.clock.set(T0 + 30 * DAY + 9 * SECOND)
    (event,) = core_events(stripe_site)
    stripe_site.clock.advance(1)
    assert core_events(stripe_site) == []
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stripe_site.client().v2.core.events.retrieve(event.id)
    assert (caught.value.http_status, caught.value.code) == (404, "not_found")
