"""The registry: what the settings said, once, and audited when it changes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from billing.domain.rating import Price
from billing.errors import LedgerFault, SettingsFault
from billing.ledger import registry
from billing.ledger.database import Ledger
from billing.ledger.registry import Account, Customer
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    NOON,
    PRICE,
    reading,
    record,
    register,
    rows,
)

AUDITED = "SELECT action, subject, detail FROM audit_event ORDER BY id"
APRIL_FIRST = datetime(2026, 4, 1, tzinfo=UTC)


def register_only(ledger: Ledger, **settings: Any) -> None:
    """Register what is given and nothing else."""
    nothing: dict[str, Any] = {"customers": [], "accounts": [], "prices": []}
    with ledger.writing() as connection:
        registry.register(connection, ACTOR, **{**nothing, **settings})


def test_everything_new_is_recorded_and_audited(ledger: Ledger) -> None:
    register(ledger)
    audited = [(action, str(detail)) for action, _, detail in rows(ledger, AUDITED)]
    assert [action for action, _ in audited] == [
        "customer.registered",
        "account.registered",
        "price.registered",
    ]
    customers, accounts, _ = (detail for _, detail in audited)
    assert '["acme",' in customers
    assert '["globex",' in customers
    assert '["main",' in accounts
    assert '["other",' in accounts


def test_the_same_again_adds_nothing(ledger: Ledger) -> None:
    register(ledger)
    before = rows(ledger, AUDITED)
    register(ledger)
    same_price = Price(PRICE.effective_from, Decimal("0.1"))
    register_only(ledger, prices=[same_price])
    assert rows(ledger, AUDITED) == before
    assert rows(ledger, "SELECT per_minute FROM price") == [("0.10",)]


def test_a_changed_customer_is_audited_with_what_it_was(ledger: Ledger) -> None:
    register(ledger)
    register_only(ledger, customers=[Customer("acme", "cus_new")])
    query = "SELECT stripe_customer FROM customer WHERE name = 'acme'"
    assert rows(ledger, query) == [("cus_new",)]
    *_, (action, subject, detail) = rows(ledger, AUDITED)
    assert (action, subject) == ("customer.registered", "acme")
    assert "cus_acme" in str(detail)
    assert "cus_new" in str(detail)


@pytest.mark.parametrize(
    "changed",
    [
        Price(PRICE.effective_from, Decimal("0.11")),
        Price(PRICE.effective_from, Decimal("0.10"), "eur"),
    ],
)
def test_a_price_never_changes(ledger: Ledger, changed: Price) -> None:
    register(ledger)
    before = rows(ledger, AUDITED)
    with pytest.raises(SettingsFault, match=r"already holds 0\.10 usd .* later date"):
        register_only(ledger, prices=[changed])
    assert rows(ledger, AUDITED) == before
    with ledger.reading() as connection:
        assert registry.known_prices(connection) == [PRICE]


def test_a_later_price_is_added(ledger: Ledger) -> None:
    register(ledger)
    later = Price(APRIL_FIRST, Decimal("0.125"))
    register_only(ledger, prices=[PRICE, later])
    with ledger.reading() as connection:
        assert registry.known_prices(connection) == [PRICE, later]
        numbers = registry.price_ids(connection)
    assert set(numbers) == {PRICE.effective_from, APRIL_FIRST}


def test_a_refusal_leaves_nothing_of_the_same_settings(ledger: Ledger) -> None:
    register(ledger)
    wrong = Price(PRICE.effective_from, Decimal(9))
    with pytest.raises(SettingsFault):
        register_only(ledger, customers=[Customer("new", "cus_n")], prices=[wrong])
    assert rows(ledger, "SELECT name FROM customer WHERE name = 'new'") == []


def test_an_account_bills_a_customer_that_is_known(ledger: Ledger) -> None:
    with pytest.raises(LedgerFault, match=r"(?i)foreign key"):
        register_only(ledger, accounts=[Account("main", "nobody")])
    register_only(ledger, accounts=[Account("main", None, "team")])
    query = "SELECT customer, customer_metadata_key FROM account"
    assert rows(ledger, query) == [(None, "team")]


@pytest.mark.parametrize("hours", [-1, 0])
def test_no_price_comes_in_under_calls_that_are_billed(
    ledger: Ledger, hours: int
) -> None:
    register(ledger)
    record(ledger, reading())
    back_dated = Price(NOON + hours * HOUR, Decimal("0.20"))
    with pytest.raises(SettingsFault, match="billed already, such as call_1"):
        register_only(ledger, prices=[back_dated])
    assert rows(ledger, "SELECT per_minute FROM price") == [("0.10",)]


@pytest.mark.parametrize("hours", [1, 24])
def test_a_price_holds_from_after_the_last_billed_call(
    ledger: Ledger, hours: int
) -> None:
    register(ledger)
    record(ledger, reading())
    register_only(ledger, prices=[Price(NOON + hours * HOUR, Decimal("0.20"))])
    assert len(rows(ledger, "SELECT id FROM price")) == 2


def test_a_price_for_a_time_before_the_first_one_is_taken(ledger: Ledger) -> None:
    """What has no price waits in quarantine, so nothing of it is billed yet."""
    register(ledger)
    record(ledger, reading())
    earlier = Price(PRICE.effective_from.replace(year=2025), Decimal("0.20"))
    register_only(ledger, prices=[earlier])
    assert len(rows(ledger, "SELECT id FROM price")) == 2


def test_many_customers_are_registered_in_few_statements(ledger: Ledger) -> None:
    def customers(sign: str) -> list[Customer]:
        return [Customer(f"c{i:04}", f"cus_{sign}{i}") for i in range(2_000)]

    statements: list[str] = []
    event.listen(
        ledger.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    counts = []
    for sign in ("a", "a", "b"):
        statements.clear()
        register_only(ledger, customers=customers(sign))
        counts.append(len(statements))
    # Added, known, and changed; the trail reads changed rows back by the thousand.
    assert max(counts) < 20, counts
    query = "SELECT name, stripe_customer FROM customer ORDER BY name"
    assert rows(ledger, query) == [(c.name, c.stripe_customer) for c in customers("b")]
