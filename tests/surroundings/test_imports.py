"""Imports: a command loads what it uses, and no library that it does not."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from billing.ledger import migration

SETTINGS = """
[stripe]
api_key = "env:STRIPE"
[billing]
first_period = "2026-10"
[[accounts]]
name = "main"
api_key = "env:PAMELA"
customer = "acme"
[[customers]]
name = "acme"
stripe_customer = "cus_1"
"""
LOADED = """
import json, sys
from billing.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""
# Each of them takes a tenth of a second, or stands for one that does.
NETWORK = ["httpx2", "pamela", "requests", "stripe", "tenacity", "urllib3"]
OTHER_DATABASE = ["psycopg", "sqlalchemy.dialects.postgresql"]
WRITERS = ["pyarrow", "typst", "xlsxwriter"]
REST = ["alembic", "apscheduler", "cryptography", "fastapi", "pydantic_settings"]
REST += ["rich.progress", "structlog", "sqlalchemy.orm", "uvicorn"]
HEAVY = [*NETWORK, *OTHER_DATABASE, *WRITERS, *REST]
OURS = ["billing.app", "billing.web", "billing.sandbox", "billing.gateways.stripe"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the settings of an empty ledger in a file."""
    folder = tmp_path_factory.mktemp("imports")
    (folder / "billing.toml").write_text(SETTINGS)
    migration.upgrade(f"sqlite:///{folder / 'billing.db'}")
    return folder / "billing.toml"


def modules_of(words: Sequence[str], *more: str) -> set[str]:
    command = [sys.executable, "-c", LOADED, *words, *more]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(loaded)


@pytest.mark.parametrize(
    "words",
    [("status",), ("explain", "call_1"), ("breaks",), ("report", "usage", "2026-10")],
    ids=" ".join,
)
def test_a_command_loads_no_library_that_it_does_not_use(
    settings: Path, words: tuple[str, ...]
) -> None:
    loaded = modules_of(words, "--settings", str(settings))
    assert "billing.offline" in loaded
    assert not loaded & {*HEAVY, *OURS}


def test_help_loads_neither_ledger_nor_settings() -> None:
    heavy = {*HEAVY, *OURS, "pydantic", "rich", "sqlalchemy", "tomli"}
    assert not modules_of(["--help"]) & heavy
