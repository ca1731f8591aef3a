"""Account identity: a table of what the settings may have become, and what is done."""

import pytest

from billing.domain.account_identity import (
    AccountClaim,
    Admission,
    KnownAccount,
    Refusal,
    SourceIdentity,
    accounts_to_probe,
    decide_accounts,
)

P1, P2 = SourceIdentity("p1", None), SourceIdentity("p2", None)
P1_X, P1_Y = SourceIdentity("p1", "x"), SourceIdentity("p1", "y")
SILENT = SourceIdentity(None, None)


def known(name: str, identity: SourceIdentity | None, label: str = "") -> KnownAccount:
    return KnownAccount(name, label or name, identity, has_calls=True)


def claim(
    label: str,
    identity: SourceIdentity | None,
    key: str = "",
    *,
    key_of: str = "",
    calls_of: str = "",
) -> AccountClaim:
    return AccountClaim(
        label=label,
        key=key or f"key of {label}",
        identity=identity,
        key_of=frozenset(key_of.split()),
        calls_of=frozenset(calls_of.split()),
    )


A, B = known("a", P1), known("b", P2)
# What is known, what the settings have now, and the account that each name goes on as;
# "" is a refusal, and what gave no usable answer is left out.
CASES: dict[str, tuple[list[KnownAccount], list[AccountClaim], dict[str, str]]] = {
    "new": ([], [claim("a", P1)], {"a": "a"}),
    "new, without a partner": ([], [claim("a", SILENT)], {"a": "a"}),
    "as it was": ([A], [claim("a", P1, key_of="a")], {"a": "a"}),
    "a new key": ([A], [claim("a", P1)], {"a": "a"}),
    "renamed": ([A], [claim("z", P1, key_of="a")], {"z": "a"}),
    "renamed with a new key": ([A], [claim("z", P1)], {"z": "a"}),
    "renamed again": ([known("a", P1, "z")], [claim("y", P1)], {"y": "a"}),
    "renamed back": ([known("a", P1, "z")], [claim("a", P1)], {"a": "a"}),
    "renamed, as before": ([known("a", P1, "z")], [claim("z", P1)], {"z": "a"}),
    "an old name for another": (
        [known("a", P1, "z")],
        [claim("z", P1), claim("a", P2)],
        {"z": "a", "a": ""},
    ),
    "another partner": ([A], [claim("a", P2)], {"a": ""}),
    "another partner with the key": ([A], [claim("a", P2, key_of="a")], {"a": ""}),
    "another account of the ledger": ([A, B], [claim("a", P2)], {"a": ""}),
    "another project": ([known("a", P1_X)], [claim("a", P1_Y)], {"a": ""}),
    "the whole partner now": ([known("a", P1_X)], [claim("a", P1)], {"a": ""}),
    "one key twice": (
        [A],
        [claim("a", P1, "k", key_of="a"), claim("z", P1, "k", key_of="a")],
        {"a": "", "z": ""},
    ),
    "one identity twice": (
        [],
        [claim("a", P1), claim("b", P1), claim("c", P2)],
        {"a": "", "b": "", "c": "c"},
    ),
    "two projects": (
        [],
        [claim("a", P1_X), claim("b", P1_Y)],
        {"a": "a", "b": "b"},
    ),
    "a partner and its project": (
        [],
        [claim("a", P1), claim("b", P1_Y), claim("c", P2)],
        {"a": "", "b": "", "c": "c"},
    ),
    "its project, while the partner gives no answer": (
        [A],
        [claim("a", None, key_of="a"), claim("b", P1_Y), claim("c", P2)],
        {"a": "", "b": "", "c": "c"},
    ),
    "its project, while the partner is not named any more": (
        [A],
        [claim("a", SILENT, key_of="a"), claim("b", P1_Y)],
        {"a": "", "b": ""},
    ),
    "keys exchanged": (
        [A, B],
        [claim("a", P2, key_of="b"), claim("b", P1, key_of="a")],
        {"a": "", "b": ""},
    ),
    "keys exchanged, without partners": (
        [known("a", SILENT), known("b", SILENT)],
        [claim("a", SILENT, key_of="b"), claim("b", SILENT, key_of="a")],
        {"a": "", "b": ""},
    ),
    "names moved on by one": (
        [A, B],
        [claim("b", P1), claim("c", P2)],
        {"b": "", "c": ""},
    ),
    "the others go on": (
        [A, B],
        [claim("a", SourceIdentity("p3", None)), claim("b", P2)],
        {"a": "", "b": "b"},
    ),
    "no answer, with its key": ([A], [claim("a", None, key_of="a")], {"a": "a"}),
    "no answer, with a new key": ([A], [claim("a", None)], {}),
    "no answer, and new": ([], [claim("a", None)], {}),
    "no partner, with its key": (
        [known("a", SILENT)],
        [claim("a", SILENT, key_of="a")],
        {"a": "a"},
    ),
    "no partner any more": ([A], [claim("a", SILENT, key_of="a")], {"a": "a"}),
    "no partner, renamed": (
        [known("a", SILENT)],
        [claim("z", SILENT, key_of="a")],
        {"z": "a"},
    ),
    "no partner, a new key, its calls": (
        [known("a", SILENT)],
        [claim("a", SILENT, calls_of="a")],
        {"a": "a"},
    ),
    "no partner, a new key, no calls": (
        [known("a", SILENT)],
        [claim("a", SILENT)],
        {"a": ""},
    ),
    "a partner at last": (
        [known("a", SILENT)],
        [claim("a", P1, key_of="a")],
        {"a": "a"},
    ),
    "a ledger from before, its calls": (
        [known("a", None)],
        [claim("a", P1, calls_of="a")],
        {"a": "a"},
    ),
    "a ledger from before, renamed": (
        [known("a", None)],
        [claim("z", P1, calls_of="a")],
        {"z": "a"},
    ),
    "a ledger from before, no calls of it": (
        [known("a", None)],
        [claim("a", P1)],
        {"a": ""},
    ),
    "an account under two new names": (
        [known("a", SILENT)],
        [claim("y", SILENT, calls_of="a"), claim("z", SILENT, calls_of="a")],
        {"y": "", "z": ""},
    ),
    "a ledger from before, another new name": (
        [known("a", None)],
        [claim("a", P1, calls_of="a"), claim("z", P2)],
        {"a": "a", "z": "z"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_who_may_be_pulled(case: str) -> None:
    accounts, claims, expected = CASES[case]
    outcome = {
        label: verdict.account if isinstance(verdict, Admission) else ""
        for label, verdict in decide_accounts(accounts, claims).items()
    }
    assert outcome == expected


# Of each case that refuses: the names, and what is said to each.
REFUSALS: dict[str, dict[str, str]] = {
    "one key twice": {
        "a": "it has the same API key as z",
        "z": "it has the same API key as a",
    },
    "one identity twice": {
        "a": "it is the whole partner p1, as is b, so every call would be billed twice",
        "b": "it is the whole partner p1, as is a, so every call would be billed twice",
    },
    "a partner and its project": {
        "a": "it is the whole partner p1, and b is the project y of the partner p1",
        "b": "it is the project y of the partner p1, and a is the whole partner p1",
    },
    "its project, while the partner gives no answer": {
        "a": "it is the whole partner p1, and b is the project y of the partner p1",
        "b": "it is the project y of the partner p1, and a is the whole partner p1",
    },
    "keys exchanged": {
        "a": "its API key and that of b are exchanged: each is answered as the other; "
        "put both keys back",
        "b": "its API key and that of a are exchanged: each is answered as the other; "
        "put both keys back",
    },
    "another partner": {
        "a": "its API key is that of the whole partner p2, and till now it was the "
        "whole partner p1; put its own key back",
    },
    "another account of the ledger": {
        "a": "its API key is that of the whole partner p2, and till now it was the "
        "whole partner p1; put its own key back",
    },
    "names moved on by one": {
        "b": "its API key is that of the whole partner p1, and till now it was the "
        "whole partner p2; put its own key back",
        "c": "it is the account that the ledger has as b, which stands in the settings "
        "too; keep one of the two names",
    },
    "no partner, a new key, no calls": {
        "a": "its API key is new, and nothing shows that it is the same account (it is "
        "an account that does not name its partner, and knows none of the calls",
    },
    "a ledger from before, no calls of it": {
        "a": "its API key is new, and nothing shows that it is the same account (it is "
        "the whole partner p1, and knows none of the calls",
    },
    "an old name for another": {
        "a": "this was the name of the account that is now z, and it is the whole "
        "partner p2; give the new account a name of its own",
    },
    "an account under two new names": {
        "y": "another name of the settings is the account a as well",
        "z": "another name of the settings is the account a as well",
    },
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_which_and_what_to_do(case: str) -> None:
    accounts, claims, _ = CASES[case]
    refused = {
        label: verdict.reason
        for label, verdict in decide_accounts(accounts, claims).items()
        if isinstance(verdict, Refusal)
    }
    assert refused.keys() == REFUSALS[case].keys()
    for label, reason in REFUSALS[case].items():
        assert refused[label].startswith(reason)


def test_a_rename_says_from_what() -> None:
    verdict = decide_accounts([known("a", P1, "b")], [claim("c", P1)])["c"]
    assert verdict == Admission("c", "a", renamed_from="b")


@pytest.mark.parametrize(
    ("accounts", "asked", "labels", "probed"),
    [
        ([A], claim("a", P1), "a", []),
        ([A], claim("z", None), "z", []),
        ([A], claim("a", SILENT, key_of="a"), "a", []),
        ([A], claim("a", SILENT), "a", ["a"]),
        ([A], claim("a", P2), "a", []),
        ([known("a", None)], claim("a", P1), "a", ["a"]),
        ([known("a", None)], claim("z", P1), "z", ["a"]),
        ([known("a", None)], claim("z", P1), "a z", []),
        ([A], claim("z", SILENT), "a z", ["a"]),
        ([known("a", SILENT)], claim("z", SILENT), "a z", ["a"]),
    ],
)
def test_calls_are_probed_only_in_doubt(
    accounts: list[KnownAccount], asked: AccountClaim, labels: str, probed: list[str]
) -> None:
    assert accounts_to_probe(asked, accounts, labels.split()) == probed
