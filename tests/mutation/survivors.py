"""The survivors that are known, each with its reason, from the table beside."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("survivors.toml")
EQUIVALENT = "equivalent"


@dataclass(frozen=True)
class Reason:
    """Why a mutant may survive: it changes nothing, or nobody needs to notice."""

    mutant: str
    kind: str
    reason: str


def known_survivors(table: Path = TABLE) -> dict[str, Reason]:
    """Read the table; the key of each is its mutant's name."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))
    return {row["mutant"]: Reason(**row) for row in rows.get("survivor", [])}
