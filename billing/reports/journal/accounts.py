"""Accounts of the books: how they are called, in each of the forms of a journal."""

import re
from collections.abc import Mapping
from hashlib import sha256

from billing.domain.journal import Role
from billing.errors import BadInput, UnknownName

Accounts = Mapping[Role, str]

# For journals in text: each customer has an account below these.
TREE: Accounts = {
    Role.RECEIVABLE: "Assets:Receivable",
    Role.UNBILLED: "Assets:Unbilled",
    Role.REVENUE: "Income:Usage",
    Role.ADJUSTMENTS: "Income:Adjustments",
    Role.ROUNDING: "Expenses:Rounding",
}
# For programs that take CSV, where the customer stands in a column of its own.
CHART: Accounts = {
    Role.RECEIVABLE: "Accounts Receivable",
    Role.UNBILLED: "Unbilled Receivable",
    Role.REVENUE: "Usage Revenue",
    Role.ADJUSTMENTS: "Usage Adjustments",
    Role.ROUNDING: "Rounding",
}
_COMPONENT = re.compile(r"[A-Z0-9][A-Za-z0-9-]*", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9][A-Za-z0-9-]*", re.ASCII)
_ROOTS = ("Assets", "Liabilities", "Equity", "Income", "Expenses")
_DIGITS = 8


def read_accounts(names: Mapping[str, str], usual: Accounts) -> Accounts:
    """Return the accounts with those that were named; raises BadInput."""
    roles = [role.value for role in Role]
    for role, name in names.items():
        if role not in roles:
            raise UnknownName("role", role, roles, "there are")
        odd = ";" in name or "  " in name or not name.isprintable()
        if odd or not name or name != name.strip():
            raise BadInput(f"the account for {role} needs a name of plain words")
    return {role: names.get(role.value, name) for role, name in usual.items()}


def refuse_odd_accounts(accounts: Accounts) -> None:
    """Raise BadInput for a name that Beancount does not take."""
    for name in accounts.values():
        root, *parts = name.split(":")
        if root not in _ROOTS or not all(map(_COMPONENT.fullmatch, parts)):
            raise BadInput(
                f"{name} is no account in Beancount: begin with one of "
                f"{', '.join(_ROOTS)}, then capital letters after each colon"
            )


def component(customer: str) -> str:
    """Return a customer's name as a part of an account; no two become the same."""
    if _PLAIN.fullmatch(customer):
        return customer[:1].upper() + customer[1:]
    # A capital or a sign that is not allowed: a digest tells it from the others.
    clean = re.sub(r"[^A-Za-z0-9-]", "-", customer).lstrip("-") or "X"
    digest = sha256(customer.encode()).hexdigest()[:_DIGITS]
    return f"{clean[:1].upper()}{clean[1:]}-{digest}"
