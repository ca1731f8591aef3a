"""Prices of the Stripe stand-in: what a unit of metered usage costs a month."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from billing.sandbox.stripe.http.errors import invalid, missing
from billing.sandbox.stripe.http.paging import Bounds, Cursor, listing, plain_text
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.metering.meters import Meter, Meters

PATH = "/v1/prices"
_CURRENCY = re.compile(r"[a-z]{3}")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")


@dataclass
class Price:
    """A monthly price for each unit that a meter counted."""

    id: str
    created: int
    livemode: bool
    currency: str
    unit_amount: Decimal  # in cents, or what the currency has for them
    meter: str
    product: str
    nickname: str | None = None
    lookup_key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, fields: Fields, name: str, second: int, meters: Meters, *, livemode: bool
    ) -> Self:
        """Read a new price; other than monthly metered ones are not known here."""
        currency = fields.text("currency")
        if not _CURRENCY.fullmatch(currency):
            raise invalid(f"Invalid currency: {currency}", param="currency")
        amount = _read_amount(fields)
        meter = _read_recurring(fields, meters)
        product = fields.maybe_text("product")
        product_data = fields.group("product_data")
        if (product is None) == (product_data is None):
            raise invalid(
                "You must pass exactly one of product and product_data.",
                param="product",
            )
        if product_data is not None:
            product_data.text("name")
            product_data.end()
        price = cls(
            id=name,
            created=second,
            livemode=livemode,
            currency=currency,
            unit_amount=amount,
            meter=meter.id,
            product=product or f"prod_{name[6:]}",
            nickname=fields.maybe_text("nickname"),
            lookup_key=fields.maybe_text("lookup_key", 200),
            metadata=fields.texts("metadata") or {},
        )
        fields.end()
        return price

    def to_json(self) -> dict[str, object]:
        """Render the price with Stripe's names."""
        whole = self.unit_amount == self.unit_amount.to_integral_value()
        return {
            "id": self.id,
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": self.created,
            "currency": self.currency,
            "custom_unit_amount": None,
            "livemode": self.livemode,
            "lookup_key": self.lookup_key,
            "metadata": dict(self.metadata),
            "nickname": self.nickname,
            "product": self.product,
            "recurring": {
                "interval": "month",
                "interval_count": 1,
                "meter": self.meter,
                "trial_period_days": None,
                "usage_type": "metered",
            },
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring",
            "unit_amount": int(self.unit_amount) if whole else None,
            "unit_amount_decimal": plain_text(self.unit_amount),
        }


class Prices:
    """The prices of one mode, in the order of their creation."""

    def __init__(self, prices: list[Price] | None = None) -> None:
        self.by_id = {price.id: price for price in prices or []}

    def find(self, name: str, param: str = "id") -> Price:
        """Return the price of this id, or raise what Stripe answers."""
        price = self.by_id.get(name)
        if price is None:
            raise missing("price", name, param)
        return price

    def add(self, price: Price) -> dict[str, object]:
        """Keep a new price."""
        self.by_id[price.id] = price
        return price.to_json()

    def list_page(self, fields: Fields) -> dict[str, object]:
        """List the prices, the newest first."""
        cursor = Cursor.read(fields)
        matching = list(self._matching(fields))
        fields.end()
        rows, more = cursor.page(matching, lambda price: price.id)
        return listing(PATH, [row.to_json() for row in rows], more=more)

    def _matching(self, fields: Fields) -> Iterator[Price]:
        active = fields.maybe_flag("active")
        kind = fields.choice("type", frozenset({"one_time", "recurring"}))
        currency, product = fields.maybe_text("currency"), fields.maybe_text("product")
        keys = fields.values("lookup_keys")
        created = Bounds.read(fields)
        recurring = fields.group("recurring")
        meter = usage = None
        if recurring is not None:
            meter = recurring.maybe_text("meter")
            usage = recurring.choice("usage_type", frozenset({"licensed", "metered"}))
            recurring.end()
        nothing = active is False or kind == "one_time" or usage == "licensed"
        for price in reversed([] if nothing else list(self.by_id.values())):
            if (
                currency in {None, price.currency}
                and product in {None, price.product}
                and meter in {None, price.meter}
                and (keys is None or price.lookup_key in keys)
                and created.hold(price.created)
            ):
                yield price


def _read_amount(fields: Fields) -> Decimal:
    whole, text = (
        fields.maybe_whole("unit_amount"),
        fields.maybe_text("unit_amount_decimal"),
    )
    if (whole is None) == (text is None):
        raise invalid(
            "You must pass exactly one of unit_amount and unit_amount_decimal.",
            param="unit_amount",
        )
    amount = text if whole is None else str(whole)
    if amount is None or not _AMOUNT.fullmatch(amount):
        raise invalid(f"Invalid decimal: {amount}", param="unit_amount_decimal")
    return Decimal(amount)


def _read_recurring(fields: Fields, meters: Meters) -> Meter:
    recurring = fields.group("recurring") or Fields({}, "recurring")
    recurring.text("interval")
    # The stand-in has monthly prices of metered usage, and no others.
    recurring.choice("interval", frozenset({"month"}))
    if recurring.maybe_whole("interval_count") not in {None, 1}:
        raise invalid("interval_count has to be 1.", param="recurring[interval_count]")
    recurring.text("usage_type")
    recurring.choice("usage_type", frozenset({"metered"}))
    name = recurring.text("meter")
    recurring.end()
    meter = meters.by_id.get(name)
    if meter is None:
        raise missing("billing meter", name, "recurring[meter]")
    return meter
