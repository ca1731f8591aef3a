"""The README: what it states of its bundle is so, and its other words are known."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from billing.verifier.bundle_names import GUIDE
from billing.verifier.claims import Month
from billing.verifier.containers import Container, read_whole
from billing.verifier.findings import BadRecord, printable
from billing.verifier.manifest import FORMAT, Manifest

# The README of each format with the names of its statements in their places: whoever
# signs a bundle could write anything there, and the reader would believe it.
_WORDS = {
    "pamela-billing audit bundle 1": (
        "e432132f8496a648e8efd62873c61050e1ccbf769559bf29d29f11e5a84de722"
    ),
    "pamela-billing audit bundle 2": (
        "6cc44009d292b1e9dd8b393ca6cbc045d1ced7d7ae0aa1a59bb68fc46a30a76e"
    ),
    "pamela-billing audit bundle 3": (
        "7cf9d4df145f66fb5d6324d5161394471e53046cdfbdeb33ec6c8914e816bacc"
    ),
    FORMAT: "ddbb1710ceba7295518f137932ac79ea523314430b09ce962db923b7881e7ccf",
}
_LARGEST = 2**20
_PROVISIONAL = """
THE MONTH IS PROVISIONAL: it is not closed, and its figures may still change.
"""


def readme_statements(
    period: str,
    key: str,
    close: Mapping[str, Any] | None,
    spell: Callable[[str], str] = printable,
) -> dict[str, str]:
    """Return all that a README states of one bundle, each by its name."""
    title = f"AUDIT BUNDLE, {period}{'' if close else ', PROVISIONAL'}"
    standing = _PROVISIONAL
    if close:
        who = spell(close["closed_by"])
        standing = f"The month was frozen at {close['closed_at']} by {who}.\n"
    return {
        "title": f"{title}\n{'=' * len(title)}\n",
        "subject": f"All that the billing of phone calls in {period} rests on:",
        "standing": standing,
        "key": f"This bundle is signed by the key\n\n    {key}\n",
    }


def check_readme(container: Container, manifest: Manifest, month: Month) -> None:
    """Compare a README, word by word, with what was verified; raises BadRecord."""
    try:
        words = read_whole(container, GUIDE, _LARGEST).decode()
    except UnicodeDecodeError as fault:
        raise BadRecord(GUIDE, f"it is no text ({fault})") from None
    form = manifest.document["format"]
    # Earlier formats hold names as they came.
    spell = printable if form == FORMAT else str
    statements = readme_statements(manifest.period, manifest.key, month.close, spell)
    for name, statement in statements.items():
        if statement not in words:
            raise BadRecord(GUIDE, f"its {name} is not what the bundle shows")
        words = words.replace(statement, f"{{{name}}}", 1)
    if sha256(words.encode()).hexdigest() != _WORDS[form]:
        raise BadRecord(GUIDE, "its words are not those that such a bundle has")
