"""Billing meters of the Stripe stand-in."""

from dataclasses import dataclass
from typing import Self

from billing.sandbox.stripe.http.errors import missing, refused
from billing.sandbox.stripe.http.paging import Cursor, listing
from billing.sandbox.stripe.http.params import Fields

PATH = "/v1/billing/meters"
FORMULAS = frozenset({"sum", "count", "last"})
WINDOWS = frozenset({"hour", "day"})
STATUSES = frozenset({"active", "inactive"})


@dataclass
class Meter:
    """How the events of one name are added up."""

    id: str
    created: int
    updated: int
    livemode: bool
    display_name: str
    event_name: str
    formula: str = "sum"
    event_time_window: str | None = None
    customer_key: str = "stripe_customer_id"
    value_key: str = "value"
    deactivated_at: int | None = None

    @property
    def status(self) -> str:
        """Return active or inactive."""
        return "active" if self.deactivated_at is None else "inactive"

    @classmethod
    def read(cls, fields: Fields, name: str, second: int, *, livemode: bool) -> Self:
        """Read a new meter from the fields of a request."""
        display_name = fields.text("display_name", 250)
        event_name = fields.text("event_name", 100)
        window = fields.choice("event_time_window", WINDOWS)
        aggregation = fields.group("default_aggregation") or Fields(
            {}, "default_aggregation"
        )
        aggregation.text("formula")
        formula = aggregation.choice("formula", FORMULAS) or "sum"
        aggregation.end()
        mapping = fields.group("customer_mapping")
        values = fields.group("value_settings")
        customer_key, value_key = cls.customer_key, cls.value_key
        if mapping:
            mapping.text("type")
            mapping.choice("type", frozenset({"by_id"}))
            customer_key = mapping.text("event_payload_key", 100)
            mapping.end()
        if values:
            value_key = values.text("event_payload_key", 100)
            values.end()
        fields.end()
        return cls(
            id=name,
            created=second,
            updated=second,
            livemode=livemode,
            display_name=display_name,
            event_name=event_name,
            formula=formula,
            event_time_window=window,
            customer_key=customer_key,
            value_key=value_key,
        )

    def to_json(self) -> dict[str, object]:
        """Render the meter with Stripe's names."""
        return {
            "id": self.id,
            "object": "billing.meter",
            "created": self.created,
            "customer_mapping": {
                "event_payload_key": self.customer_key,
                "type": "by_id",
            },
            "default_aggregation": {"formula": self.formula},
            "display_name": self.display_name,
            "event_name": self.event_name,
            "event_time_window": self.event_time_window,
            "livemode": self.livemode,
            "status": self.status,
            "status_transitions": {"deactivated_at": self.deactivated_at},
            "updated": self.updated,
            "value_settings": {"event_payload_key": self.value_key},
        }


class Meters:
    """The meters of one mode, in the order of their creation."""

    def __init__(self, meters: list[Meter] | None = None) -> None:
        self.by_id = {meter.id: meter for meter in meters or []}

    def find(self, name: str) -> Meter:
        """Return the meter of this id, or raise the 404."""
        meter = self.by_id.get(name)
        if meter is None:
            raise missing("billing meter", name)
        return meter

    def named(self, event_name: str) -> Meter | None:
        """Return the meter that takes events of this name: the active one first."""
        matching = [m for m in self.by_id.values() if m.event_name == event_name]
        return min(matching, key=lambda meter: meter.status, default=None)

    def add(self, meter: Meter) -> dict[str, object]:
        """Create a meter; among active ones its event name has to be new."""
        self._refuse_namesake(meter)
        self.by_id[meter.id] = meter
        return meter.to_json()

    def rename(self, name: str, fields: Fields, second: int) -> dict[str, object]:
        """Change the display name, the only thing of a meter that may change."""
        meter = self.find(name)
        display_name = fields.maybe_text("display_name", 250)
        fields.end()
        if display_name is not None:
            meter.display_name = display_name
            meter.updated = second
        return meter.to_json()

    def deactivate(self, name: str, fields: Fields, second: int) -> dict[str, object]:
        """Stop a meter from taking events."""
        meter = self.find(name)
        fields.end()
        if meter.status != "active":
            raise refused("The meter is already inactive.")
        meter.deactivated_at = meter.updated = second
        return meter.to_json()

    def reactivate(self, name: str, fields: Fields, second: int) -> dict[str, object]:
        """Let a meter take events again."""
        meter = self.find(name)
        fields.end()
        if meter.status == "active":
            raise refused("The meter is already active.")
        self._refuse_namesake(meter)
        meter.deactivated_at = None
        meter.updated = second
        return meter.to_json()

    def list_page(self, fields: Fields) -> dict[str, object]:
        """List the meters, the newest first."""
        cursor = Cursor.read(fields)
        status = fields.choice("status", STATUSES)
        fields.end()
        matching = [
            m for m in reversed(self.by_id.values()) if status in {None, m.status}
        ]
        rows, more = cursor.page(matching, lambda meter: meter.id)
        return listing(PATH, [row.to_json() for row in rows], more=more)

    def _refuse_namesake(self, meter: Meter) -> None:
        other = self.named(meter.event_name)
        if other is not None and other is not meter and other.status == "active":
            raise refused(
                f"An active meter already has the event name {meter.event_name}.",
                param="event_name",
            )
