"""Customer names: which names of the settings were given to one customer in turn."""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class NamedCustomer(NamedTuple):
    """What an edit of the settings said of a name, and what they said before."""

    name: str
    was: str | None  # Stripe's customer; None: the name was new
    now: str


def linked_names(
    edits: Iterable[Collection[NamedCustomer]],
) -> dict[str, frozenset[str]]:
    """Return, by each name that was not the only one of a customer, all its names.

    Whoever comes to a Stripe customer that another name had, and did not leave in the
    same edit, is that customer under a new name, wherever it goes from there.
    """
    families: dict[str, set[str]] = {}
    holders: dict[str, str] = {}
    for edit in edits:
        for each in edit:
            if each.was is not None and holders.get(each.was) == each.name:
                del holders[each.was]
        for each in edit:
            own = families.setdefault(each.name, {each.name})
            other = families[holders.get(each.now, each.name)]
            if other is not own:
                own |= other
                families.update(dict.fromkeys(own, own))
            holders[each.now] = each.name
    return {
        name: frozenset(names) for name, names in families.items() if len(names) > 1
    }
