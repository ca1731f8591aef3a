"""What is installed for a deployment is what the project asks for, pinned."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / ".ci" / "requirements.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, list[Requirement]]:
    """Read the lock: what is pinned, by name (by marker there may be several)."""
    found: dict[str, list[Requirement]] = {}
    for entry in LOCK.read_text().replace("\\\n", " ").splitlines():
        requirement = Requirement(entry.split("--hash")[0].strip())
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


@pytest.mark.parametrize("wanted", PROJECT["dependencies"])
def test_the_lock_pins_what_the_project_asks_for(wanted: str) -> None:
    asked = Requirement(wanted)
    pinned = pins().get(canonicalize_name(asked.name), [])
    versions = [next(iter(pin.specifier)).version for pin in pinned]
    assert versions, f"{asked.name} is not in {LOCK.name}; run .ci/lock"
    assert all(map(asked.specifier.contains, versions)), "out of date; run .ci/lock"


def test_every_pin_is_exact_and_has_hashes() -> None:
    for entry in LOCK.read_text().replace("\\\n", " ").splitlines():
        assert re.match(
            r"[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", entry
        )


def test_the_lock_names_no_host_and_no_development_tool() -> None:
    assert not re.search(
        r"://|--(index|extra-index|find-links|trusted)", LOCK.read_text()
    )
    tools = PROJECT["optional-dependencies"]["dev"]
    names = {canonicalize_name(Requirement(tool).name) for tool in tools}
    assert not names & set(pins())
