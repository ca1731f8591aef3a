"""The glossary: every word of it is used, and every term of the interface is in it."""

import re
from pathlib import Path

import billing.domain
from billing.cli import COMMANDS
from billing.domain.meter_event import EventState, FailReason
from billing.domain.posting import UsageType
from billing.ledger.schema.tables import metadata

ROOT = Path(__file__).parents[1]


def glossary() -> set[str]:
    """Return the words that it explains."""
    lines = (billing.domain.__doc__ or "").splitlines()
    entries = [line for line in lines if line.startswith("    ")]
    terms = [re.split(r" {2,}", line.strip())[0] for line in entries]
    return {word for term in terms for word in term.split(", ")}


def test_every_word_of_it_is_used_in_the_code() -> None:
    paths = [*ROOT.glob("billing/**/*.py"), *ROOT.glob("billing/**/*.typ")]
    own = ROOT / "billing/domain/__init__.py"
    code = " ".join(path.read_text("utf-8").lower() for path in paths if path != own)
    plain = re.sub(r"[\s_]+", " ", code)
    unused = [word for word in glossary() if word.replace("_", " ") not in plain]
    assert unused == []


def test_every_term_of_the_interface_is_in_it() -> None:
    terms = {*COMMANDS, *metadata.tables}
    terms |= {
        member.value for kind in (EventState, FailReason, UsageType) for member in kind
    }
    assert sorted(terms - glossary()) == []
