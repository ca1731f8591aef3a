"""Customers of the Stripe stand-in."""

from dataclasses import dataclass, field

from billing.sandbox.stripe.http.errors import missing, refused
from billing.sandbox.stripe.http.paging import Cursor, listing
from billing.sandbox.stripe.http.params import Fields

PATH = "/v1/customers"


@dataclass
class Customer:
    """Who is billed; a deleted one keeps its id."""

    id: str
    created: int
    livemode: bool
    name: str | None = None
    email: str | None = None
    description: str | None = None
    phone: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    deleted: bool = False
    deleted_at: int | None = None  # a unix second

    def to_json(self) -> dict[str, object]:
        """Render the customer with Stripe's names."""
        if self.deleted:
            return {"id": self.id, "object": "customer", "deleted": True}
        return {
            "id": self.id,
            "object": "customer",
            "created": self.created,
            "description": self.description,
            "email": self.email,
            "livemode": self.livemode,
            "metadata": dict(self.metadata),
            "name": self.name,
            "phone": self.phone,
        }

    def change(self, fields: Fields) -> None:
        """Take over what the fields say; nothing changes when one is wrong."""
        texts = {
            name: fields.maybe_text(name)
            for name in ("name", "email", "description", "phone")
        }
        metadata = fields.texts("metadata") or {}
        fields.end()
        for name, text in texts.items():
            if text is not None:
                setattr(self, name, text)
        merged = {**self.metadata, **metadata}
        # An empty text takes a key of the metadata away.
        self.metadata = {key: text for key, text in merged.items() if text}


class Customers:
    """The customers of one mode, in the order of their creation."""

    def __init__(self, customers: list[Customer] | None = None) -> None:
        self.by_id = {customer.id: customer for customer in customers or []}

    def exists(self, name: str) -> bool:
        """Say whether there is such a customer who is not deleted."""
        customer = self.by_id.get(name)
        return customer is not None and not customer.deleted

    def add(self, customer: Customer, fields: Fields) -> dict[str, object]:
        """Create a customer from the fields of a request."""
        if customer.id in self.by_id:
            raise refused(f"Customer already exists: {customer.id}", param="id")
        customer.change(fields)
        self.by_id[customer.id] = customer
        return customer.to_json()

    def retrieve(self, name: str) -> dict[str, object]:
        """Return a customer; of a deleted one only that it is deleted."""
        customer = self.by_id.get(name)
        if customer is None:
            raise missing("customer", name)
        return customer.to_json()

    def update(self, name: str, fields: Fields) -> dict[str, object]:
        """Change a customer who is not deleted."""
        customer = self._present(name)
        customer.change(fields)
        return customer.to_json()

    def delete(self, name: str, second: int) -> dict[str, object]:
        """Delete a customer; what was counted for them stays counted."""
        customer = self._present(name)
        customer.deleted, customer.deleted_at = True, second
        return customer.to_json()

    def list_page(self, fields: Fields) -> dict[str, object]:
        """List those who are not deleted, the newest first."""
        cursor = Cursor.read(fields)
        email = fields.maybe_text("email")
        fields.end()
        present = [
            customer
            for customer in reversed(self.by_id.values())
            if not customer.deleted and email in {None, customer.email}
        ]
        rows, more = cursor.page(present, lambda customer: customer.id)
        return listing(PATH, [row.to_json() for row in rows], more=more)

    def _present(self, name: str) -> Customer:
        if not self.exists(name):
            raise missing("customer", name)
        return self.by_id[name]
