"""A Stripe account whose customer pays for minutes, for tests to ask things of."""

from datetime import datetime, timedelta
from typing import Any

from billing.sandbox.stripe.billing.billing import StripeBilling
from billing.sandbox.stripe.http.errors import StripeError
from tests.sandbox.stripe.stripe_world import StripeSite, second

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class BillingSite(StripeSite):
    """A metered price of ten cents, and ways to read invoices without HTTP."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.price = str(self.billing.create_price(self.priced(), self.t0)["id"])

    @property
    def t0(self) -> datetime:
        """Give the moment at which everything begins."""
        return self.clock.now()

    @property
    def billing(self) -> StripeBilling:
        """Give the billing of the test half."""
        return self.mode.billing

    def priced(self, **fields: object) -> dict[str, Any]:
        """Word a price."""
        metered = {"interval": "month", "usage_type": "metered", "meter": self.meter}
        worded = {"currency": "usd", "unit_amount_decimal": "10", "recurring": metered}
        return {**worded, "product_data": {"name": "Minutes"}, **fields}

    def subscribe(self, since: datetime, **fields: object) -> Any:
        """Subscribe the customer to the price, at some moment."""
        items = [{"price": self.price}]
        asked = {"customer": self.customer, "items": items, **fields}
        return self.billing.create_subscription(asked, since)

    def use(
        self, moment: datetime, value: str, now: datetime | None = None, name: str = ""
    ) -> str:
        """Report usage of a moment, at that moment or later; return its identifier."""
        name = name or f"{moment.isoformat()}={value}"
        sent = self.event(name, value, timestamp=second(moment))
        self.send(sent, now or moment)
        return name

    def invoices(self, now: datetime, **asked: object) -> list[Any]:
        """Give the invoices that there are at a moment, newest first."""
        listed = self.billing.list_invoices({"limit": 100, **asked}, now)
        rows = listed["data"]
        assert isinstance(rows, list)
        return rows

    def billed(self, now: datetime) -> list[tuple[str, str, int]]:
        """Give each invoice's status, quantity and total at a moment, newest first."""
        return [
            (one["status"], one["lines"]["data"][0]["quantity_decimal"], one["total"])
            for one in self.invoices(now)
        ]


def refusal_of(work: Any, *given: Any) -> tuple[int, str | None]:
    """Give the status and the parameter of a refusal."""
    try:
        work(*given)
    except StripeError as error:
        return error.http_status, error.param
    return 200, None
