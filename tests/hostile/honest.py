"""Honest answers: what both APIs say of a small world, for others to be spoiled."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.gateways.scripted import METER_ROW
from tests.hostile.behaviours.talk import Asked

Row = dict[str, Any]
START, END = 1_772_323_200, 1_775_001_600  # March 2026, in seconds
HOUR = 3_600
NOON = "2026-03-10T12:00:00Z"


def listing(*rows: Row, more: bool = False) -> Row:
    """Word a page of a list as Stripe does."""
    return {"object": "list", "data": list(rows), "has_more": more, "url": "/v1/x"}


def price(name: str = "price_1") -> Row:
    """Word a price on our meter."""
    recurring = {"interval": "month", "interval_count": 1, "meter": "mtr_1"}
    return {
        "id": name,
        "object": "price",
        "currency": "usd",
        "unit_amount_decimal": "10",
        "recurring": recurring,
        "livemode": False,
    }


def line(name: str) -> Row:
    """Word a line of an invoice."""
    return {
        "id": name,
        "object": "line_item",
        "amount": 50,
        "currency": "usd",
        "period": {"start": START, "end": END},
        "pricing": {"price_details": {"price": "price_1"}},
        "quantity_decimal": "3",
        "livemode": False,
    }


def invoice(*, more: bool) -> Row:
    """Word an invoice; with more lines than come along, or with all of them."""
    return {
        "id": "in_1",
        "object": "invoice",
        "created": END,
        "status": "paid",
        "status_transitions": {"finalized_at": END + 20 * HOUR},
        "automatically_finalizes_at": None,
        "livemode": False,
        "lines": listing(line("il_1"), more=more),
    }


def subscription(*, more: bool) -> Row:
    """Word a subscription."""
    return {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "billing_cycle_anchor": START,
        "livemode": False,
        "items": listing(item(), more=more),
    }


def item() -> Row:
    """Word an item of a subscription."""
    return {"id": "si_1", "object": "subscription_item", "price": price()}


def deletion() -> Row:
    """Return an event of a customer who was deleted."""
    return {
        "id": "evt_9",
        "type": "customer.deleted",
        "livemode": False,
        "data": {"object": {"id": "cus_gone"}},
    }


def event() -> Row:
    """Word a report of errors."""
    sample = {"error_message": "no", "request": {"identifier": "an_event"}}
    kind = {"code": "no_meter", "error_count": 1, "sample_errors": [sample]}
    return {
        "id": "evt_1",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error_report_triggered",
        "created": NOON,
        "livemode": False,
        "related_object": {"id": "mtr_1", "type": "billing.meter"},
        "data": {
            "validation_start": NOON,
            "validation_end": NOON,
            "reason": {"error_count": 1, "error_types": [kind]},
        },
    }


def summary(start: int, minutes: int) -> Row:
    """Word a row of a summary."""
    return {
        "id": f"sum_{start}",
        "object": "billing.meter_event_summary",
        "aggregated_value": minutes,
        "start_time": start,
        "end_time": start + HOUR,
        "meter": "mtr_1",
        "livemode": False,
    }


def call(name: str, minute: int = 0) -> Row:
    """Word a call that was completed."""
    at = f"2026-03-10T12:{minute:02}:00Z"
    return {
        "id": name,
        "status": "completed",
        "created_at": at,
        "started_at": at,
        "ended_at": None,
        "duration_seconds": 60,
        "billed_minutes": 1,
        "metadata": {},
        "transcript": "hello",
        "summary": None,
    }


@dataclass
class HonestWorld:
    """Three customers with three calls each, and what Stripe counted of them."""

    counted: dict[str, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )

    def answer(self, asked: Asked) -> Any:
        """Answer a request; None where nothing is there."""
        if asked.path.startswith("/api/b2b/v1/"):
            return self._of_pamela(asked)
        return self._of_stripe(asked)

    def _of_pamela(self, asked: Asked) -> Any:
        place = asked.path.removeprefix("/api/b2b/v1/")
        if place.startswith("usage"):
            return {
                "partner_id": f"partner_{asked.token.rpartition('_')[2]}",
                "project_id": None,
                "period": "2026-03",
                "call_count": 3,
                "api_minutes": 3.0,
                "billed_minutes": 3 if "2026-03" in asked.query + place else 0,
                "quota": {"partner_limit": None, "project_limit": None},
            }
        if place.startswith("calls/"):
            return call(place.removeprefix("calls/"))
        who = asked.token.rpartition("_")[2]
        calls = [call(f"call_{who}_{number}", number) for number in (3, 2, 1)]
        asked_for = parse_qs(asked.query)
        start = asked_for.get("start_date", ["0"])[0]
        end = asked_for.get("end_date", ["9"])[0]
        items = calls if start < NOON < end else []
        return {
            "items": items,
            "total": len(items),
            "limit": 100,
            "offset": 0,
            "has_more": False,
            "next_offset": None,
        }

    def _of_stripe(self, asked: Asked) -> Any:
        path, query = asked.path, parse_qs(asked.query)
        if asked.method == "POST":
            return self._taken(asked)
        if path.endswith("/event_summaries"):
            return self._summaries(query)
        is_paged = "paged" in query.get("customer", [""])[0]
        name = path.rpartition("/")[2]
        answers: dict[str, Any] = {
            "/v1/billing/meters": listing(METER_ROW),
            "/v1/customers": listing({"id": "cus_acme", "livemode": False}),
            "/v1/events": listing(deletion()),
            "/v1/invoices": listing(invoice(more=is_paged)),
            "/v1/subscriptions": listing(subscription(more=is_paged)),
            "/v1/subscription_items": listing(item()),
            "/v2/core/events": {"data": [event()], "next_page_url": None},
            f"/v1/customers/{name}": {"id": name, "livemode": False},
            f"/v1/prices/{name}": price(name),
            f"/v2/core/events/{name}": event(),
            "/v1/invoices/in_1/lines": listing(line("il_1"), line("il_2")),
        }
        return answers.get(path)

    def _taken(self, asked: Asked) -> Row:
        form = {key: values[0] for key, values in parse_qs(asked.body).items()}
        if asked.path.endswith("meter_event_adjustments"):
            cancelled = form.get("cancel[identifier]")
            return {"cancel": {"identifier": cancelled}, "livemode": False}
        hour = int(form["timestamp"]) // HOUR * HOUR
        customer = form["payload[stripe_customer_id]"]
        self.counted[customer][hour] += int(form["payload[value]"])
        return {
            "object": "billing.meter_event",
            "identifier": form["identifier"],
            "livemode": False,
            "created": int(form["timestamp"]),
        }

    def _summaries(self, query: dict[str, list[str]]) -> Row:
        start, end = int(query["start_time"][0]), int(query["end_time"][0])
        counted = self.counted[query["customer"][0]]
        hours = {hour: counted[hour] for hour in counted if start <= hour < end}
        if "value_grouping_window" in query:
            rows = [summary(hour, minutes) for hour, minutes in hours.items()]
            return listing(*rows)
        return listing(summary(start, sum(hours.values())))


def as_words(document: Any) -> bytes:
    """Word a document as JSON."""
    return json.dumps(document).encode()
