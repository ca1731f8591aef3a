"""The house rules hold for every file, and each of them bites."""

import subprocess
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from tests.tidy.arguments import keyword_constructors
from tests.tidy.listing import crowded_folders, repeated_classes, repeated_modules
from tests.tidy.rules import PYTHON_RULES, TEXT_RULES
from tests.tidy.source import MAY_IMPORT, Rule, Source

ROOT = Path(__file__).parents[1]
RULES = PYTHON_RULES | TEXT_RULES
OPENING = '"""A sentence."""\n'
SECRET = "a1B2" * 8
INDEX = "gro.ipyp"[::-1]  # backwards, so that this file keeps the rule too

# A rule, a place, and a text there that breaks it.
BROKEN = [
    ("opening sentence", "billing/domain/period.py", "import re\n"),
    ("opening sentence", "billing/domain/period.py", '"""Periods"""\n'),
    ("opening sentence", "billing/domain/period.py", '"""One. Two."""\n'),
    ("opening sentence", "tests/domain/__init__.py", ""),
    ("module length", "billing/app.py", "x = 1\n" * 301),
    ("module length", "tests/test_app.py", "x = 1\n" * 301),
    ("function length", "billing/app.py", "def f():\n" + "    x = 1\n" * 50),
    ("function length", "tests/test_app.py", "async def f():\n" + "    x = 1\n" * 50),
    ("exact numbers", "billing/domain/rating.py", "price = 0.1\n"),
    ("exact numbers", "billing/domain/rating.py", "price = float('1')\n"),
    ("exact numbers", "billing/domain/rating.py", "def f(price: float): ...\n"),
    ("exact numbers", "billing/domain/rating.py", "minutes = seconds / 60\n"),
    ("exact numbers", "billing/domain/rating.py", "minutes /= 60\n"),
    ("exact numbers", "billing/domain/rating.py", "minutes = round(exact)\n"),
    ("exact numbers", "billing/domain/rating.py", "s = (b - a).total_seconds()\n"),
    ("time as argument", "billing/domain/period.py", "now = datetime.now(UTC)\n"),
    ("time as argument", "billing/ledger/store.py", "f(default=dt.datetime.utcnow)\n"),
    ("time as argument", "billing/ledger/store.py", "Column(default=func.now())\n"),
    ("time as argument", "billing/pipeline/sync.py", "started = time.time()\n"),
    ("time as argument", "billing/pipeline/sync.py", "from time import time\n"),
    ("time as argument", "billing/reports/usage.py", "today = date.today()\n"),
    ("named failures", "billing/app.py", "try: f()\nexcept Exception: g()\n"),
    ("named failures", "billing/app.py", "try: f()\nexcept: g()\n"),
    (
        "named failures",
        "client/pamela/_http.py",
        "try: f()\nexcept (E, BaseException): g()\n",
    ),
    ("named failures", "billing/daemon.py", "try: f()\nexcept Exception: g()\n" * 2),
    ("import table", "billing/domain/period.py", "import billing.errors\n"),
    ("import table", "billing/domain/period.py", "from billing import errors\n"),
    ("import table", "billing/domain/period.py", "from ..errors import E\n"),
    ("import table", "billing/domain/period.py", "def f():\n    import pamela\n"),
    ("import table", "billing/ports.py", "from billing.ledger.store import S\n"),
    ("import table", "billing/ledger/store.py", "from billing.settings import S\n"),
    ("import table", "billing/gateways/meter.py", "from billing.ledger import store\n"),
    ("import table", "billing/pipeline/sync.py", "from billing.gateways import m\n"),
    ("import table", "billing/reports/usage.py", "from billing import pipeline\n"),
    ("import table", "billing/sandbox/clock.py", "from billing.ledger import store\n"),
    ("import table", "billing/app.py", "from billing.cli import main\n"),
    ("import table", "billing/cli.py", "from . import daemon\n"),
    ("import table", "billing/__init__.py", "from .app import build\n"),
    ("import table", "billing/chores.py", "import billing\n"),
    ("import table", "client/pamela/_http.py", "import billing\n"),
    ("library homes", "billing/domain/period.py", "import pydantic\n"),
    ("library homes", "billing/pipeline/pull.py", "from sqlalchemy import select\n"),
    ("library homes", "billing/pipeline/sync.py", "import stripe\n"),
    ("library homes", "client/pamela/_http.py", "import stripe\n"),
    ("plain arguments", "billing/app.py", "x = f(*(1, 2))\n"),
    ("plain arguments", "tests/test_app.py", "x = [*[1, 2], 3]\n"),
    ("named parameters", "billing/app.py", "def f(x: tuple[int, str]): ...\n"),
    ("field names", "billing/ledger/utils.py", OPENING),
    ("field names", "billing/services/meter.py", OPENING),
    ("field names", "tests/test_helpers.py", OPENING),
    ("finished work", "billing/app.py", "# todo: later\n".upper()),
    ("finished work", "README.md", "fixme\n".upper()),
    ("no package index", "README.md", f"See https://{INDEX}/simple\n"),
    ("no package index", ".ci/lock", f"x @ https://files.{INDEX.upper()}/x.whl\n"),
    ("no package index", ".ci/run", "pip install --INDEX-URL x y\n".lower()),
    ("no machine paths", "tests/test_app.py", "open('/WORK/main/x')\n".lower()),
    ("no machine paths", "README.md", "cd /HOME/ada/billing\n".lower()),
    ("no live secrets", "README.md", f"sk_live_{SECRET}\n"),
    ("no live secrets", "tests/sandbox/keys.txt", f"whsec_{SECRET}\n"),
]

# A rule, a place, and a text there that comes near to breaking it.
KEPT = [
    ("opening sentence", "billing/errors.py", '"""The tree.\n\n    One. Two.\n"""\n'),
    ("opening sentence", "billing/app.py", '"""One sentence\nin two lines."""\n'),
    ("module length", "billing/app.py", "x = 1\n" * 300),
    ("module length", "tests/test_app.py", "x = 1\n" * 300),
    ("function length", "billing/app.py", "def f():\n" + "    x = 1\n" * 49),
    ("exact numbers", "billing/domain/rating.py", "m = s // 60 + Decimal('0.1')\n"),
    ("exact numbers", "billing/gateways/retries.py", "seconds = 0.5\n"),
    ("time as argument", "billing/cli.py", "now = datetime.now(UTC)\n"),
    ("time as argument", "billing/pipeline/sync.py", "time.sleep(delay)\n"),
    ("named failures", "billing/app.py", "try: f()\nexcept ValueError: g()\n"),
    ("named failures", "billing/daemon.py", "try: f()\nexcept Exception: g()\n"),
    ("named failures", "billing/cli.py", "try: f()\nexcept Exception: g()\n"),
    ("import table", "billing/cli.py", "from billing import __version__\n"),
    ("import table", "billing/ledger/store.py", "from .tables import call\n"),
    ("import table", "billing/gateways/api.py", "from pamela import PamelaClient\n"),
    ("library homes", "billing/domain/period.py", "import decimal\n"),
    ("library homes", "billing/ledger/store.py", "import sqlalchemy.orm\n"),
    ("library homes", "migrations/env.py", "import sqlalchemy\n"),
    ("plain arguments", "billing/app.py", "x = f(*rows)\n"),
    ("named parameters", "billing/app.py", "def f(x: tuple[int, ...]): ...\n"),
    ("no machine paths", "README.md", "docs/root/ and https://x.test/work/\n"),
    ("no live secrets", "README.md", "sk_live_... or pk_live_sandbox_acme_1\n"),
]


@cache
def repository() -> list[Source]:
    """Read every text file that is or may be committed."""
    listing = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = sorted(set(filter(None, listing.stdout.split("\0"))))
    return [read(path) for path in paths if (ROOT / path).is_file()]


def python_modules() -> list[Source]:
    return [source for source in repository() if source.path.suffix == ".py"]


def read(path: str) -> Source:
    """Read a file; what is not text in it cannot break a rule about text."""
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    return Source(PurePosixPath(path), text)


def findings(rule: Rule, sources: list[Source]) -> list[str]:
    return [f"{s.path}:{found}" for s in sources for found in rule(s)]


@pytest.mark.parametrize("name", PYTHON_RULES)
def test_every_module_keeps_the_rule(name: str) -> None:
    modules = python_modules()
    assert modules
    broken = findings(PYTHON_RULES[name], modules)
    assert not broken, "\n".join([name, *broken])


@pytest.mark.parametrize("name", TEXT_RULES)
def test_every_file_keeps_the_rule(name: str) -> None:
    broken = findings(TEXT_RULES[name], repository())
    assert not broken, "\n".join([name, *broken])


@pytest.mark.parametrize(("name", "path", "text"), BROKEN)
def test_a_rule_bites(name: str, path: str, text: str) -> None:
    assert len(findings(RULES[name], [Source(PurePosixPath(path), text)])) == 1


@pytest.mark.parametrize(("name", "path", "text"), KEPT)
def test_a_rule_does_not_bite_its_neighbours(name: str, path: str, text: str) -> None:
    assert findings(RULES[name], [Source(PurePosixPath(path), text)]) == []


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_been_seen_to_bite(name: str) -> None:
    assert name in {rule for rule, _, _ in BROKEN}


def test_every_row_of_the_import_table_names_parts_that_have_a_row() -> None:
    named = set().union(*MAY_IMPORT.values())
    assert named <= set(MAY_IMPORT)


def test_a_class_of_many_fields_is_made_by_keyword() -> None:
    modules = python_modules()
    broken = findings(keyword_constructors(modules), modules)
    assert not broken, "\n".join(broken)


def test_no_folder_is_crowded() -> None:
    paths = [source.path for source in repository()]
    assert list(crowded_folders(paths)) == []


def test_no_name_stands_twice() -> None:
    modules = python_modules()
    assert [*repeated_classes(modules), *repeated_modules(modules)] == []


WIDE = """
@dataclass
class Wide:
    a: int
    b: int
    c: int
    d: int
    e: int
"""


@pytest.mark.parametrize(
    ("text", "faults"),
    [("Wide(1, b=2)", 1), ("m.Wide(1)", 1), ("Wide(a=1)", 0), ("Wide(*row)", 0)],
)
def test_the_rule_of_constructors_bites(text: str, faults: int) -> None:
    classes = Source(PurePosixPath("billing/domain/wide.py"), WIDE)
    caller = Source(PurePosixPath("billing/app.py"), text)
    rule = keyword_constructors([classes, caller])
    assert len(findings(rule, [caller])) == faults


def test_the_rules_of_the_listing_bite() -> None:
    twins = [
        Source(PurePosixPath(f"billing/ledger/{folder}/calls.py"), "class Row: ...\n")
        for folder in ("pull", "integrity")
    ]
    assert len(list(repeated_modules(twins))) == 1
    assert len(list(repeated_classes(twins))) == 1
    crowd = [PurePosixPath(f"billing/ledger/sync/{n}.py") for n in range(16)]
    assert len(list(crowded_folders(crowd))) == 1
    assert list(crowded_folders(crowd[1:])) == []
