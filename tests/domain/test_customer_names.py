"""Customer names: a customer goes on under another name at the same Stripe customer."""

import pytest

from billing.domain.customer_names import NamedCustomer, linked_names

Edit = tuple[tuple[str, str | None, str], ...]
BOTH = [{"acme"}, {"globex"}]
FIRST: Edit = (("acme", None, "cus_a"), ("globex", None, "cus_g"))


@pytest.mark.parametrize(
    ("edits", "families"),
    [
        pytest.param([], BOTH, id="nobody was renamed"),
        pytest.param(
            [(("new", None, "cus_a"),)],
            [{"acme", "new"}, {"globex"}],
            id="renamed at its address",
        ),
        pytest.param(
            [(("new", None, "cus_a"),), (("new", "cus_a", "cus_b"),)],
            [{"acme", "new"}, {"globex"}],
            id="renamed, then given another address",
        ),
        pytest.param(
            [(("acme", "cus_a", "cus_b"),), (("new", None, "cus_b"),)],
            [{"acme", "new"}, {"globex"}],
            id="given another address, then renamed",
        ),
        pytest.param(
            [(("new", None, "cus_a"),), (("newer", None, "cus_a"),)],
            [{"acme", "new", "newer"}, {"globex"}],
            id="renamed twice",
        ),
        pytest.param(
            [(("new", None, "cus_a"),), (("acme", "cus_a", "cus_b"),)],
            [{"acme", "new"}, {"globex"}],
            id="renamed there and back, and then given another address",
        ),
        pytest.param(
            [(("acme", "cus_a", "cus_g"), ("globex", "cus_g", "cus_a"))],
            BOTH,
            id="two addresses exchanged in one edit",
        ),
        pytest.param(
            [(("new", None, "cus_a"), ("acme", "cus_a", "cus_b"))],
            [*BOTH, {"new"}],
            id="an address given up for a new customer in one edit",
        ),
        pytest.param(
            [(("acme", "cus_a", "cus_b"),), (("new", None, "cus_a"),)],
            [*BOTH, {"new"}],
            id="an address that was free",
        ),
        pytest.param(
            [
                (("new", None, "cus_a"),),
                (("new", "cus_a", "cus_b"),),
                (("other", None, "cus_a"),),
            ],
            [{"acme", "new"}, {"globex"}, {"other"}],
            id="an address that a renamed customer left",
        ),
    ],
)
def test_who_comes_to_the_address_of_another_name_is_the_same_customer(
    edits: list[Edit], families: list[set[str]]
) -> None:
    history = [[NamedCustomer(*each) for each in edit] for edit in [FIRST, *edits]]
    linked = linked_names(history)
    names = {each.name for edit in history for each in edit}
    found = {frozenset(linked.get(name, {name})) for name in names}
    assert found == {frozenset(family) for family in families}
