"""The official SDK, from the package index and unchanged, works against the sandbox."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.sandbox.pamela.accounts import AccountSubscription
from billing.sandbox.seeds.worlds import realistic
from tests.sandbox.pamela.pamela_world import NOW, Json, World, world_of

SCRIPT = Path(__file__).with_name("official_sdk_script.py")
# Of itself it forgets that it needs typing_extensions on Python 3.11 and later.
PACKAGES = ("thisispamela==1.2.0", "typing_extensions")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that holds the official SDK, and return its Python."""
    folder = tmp_path_factory.mktemp("official-sdk")
    python = folder / "env" / "bin" / "python"
    uv = shutil.which("uv")
    if uv is None:
        commands = [
            [sys.executable, "-m", "venv", "env"],
            [str(python), "-m", "pip", "install", "--quiet", *PACKAGES],
        ]
    else:
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        commands = [
            [uv, "venv", "--quiet", "--python", sys.executable, "env"],
            [*install, *PACKAGES],
        ]
    for command in commands:
        subprocess.run(command, cwd=folder, check=True, timeout=300)
    return python


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_of(realistic(1, NOW, calls=1_000)) as world:
        yield world


def run(python: Path, world: World, period: str) -> Json:
    command = [str(python), str(SCRIPT), world.url, world.account.api_key, period]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    seen: Json = json.loads(done.stdout)
    return seen


@pytest.fixture(scope="module")
def seen(python: Path, world: World) -> Json:
    """Run the script once; every test looks at a part of what it saw."""
    return run(python, world, "2026-02")


def test_it_lists_calls_page_by_page(seen: Json, world: World) -> None:
    both = seen["page"]["items"] + seen["second"]["items"]
    created = [call["created_at"] for call in both]
    assert len({call["id"] for call in both}) == 6
    assert created == sorted(created, reverse=True)
    assert {call["status"] for call in seen["completed"]["items"]} == {"completed"}
    days = {call["created_at"][:10] for call in seen["day"]["items"]}
    assert days == {"2026-03-02"}


def test_it_reads_one_call(seen: Json) -> None:
    assert seen["one"] == seen["page"]["items"][0]


def test_it_reads_the_usage_of_a_month(seen: Json, world: World) -> None:
    truth = world.sandbox.truth()["pamela"]
    assert isinstance(truth, dict)
    month = truth[world.account.name]["months"]["2026-02"]
    assert seen["usage"]["billed_minutes"] == month["billed_minutes"] > 0
    assert seen["usage"]["period"] == "2026-02"


def test_it_registers_lists_and_deletes_a_tool(seen: Json) -> None:
    assert seen["tools"] == [seen["tool"]["tool"]]
    assert seen["deleted"]["tool_id"] == seen["tool"]["tool_id"]
    assert seen["tools_left"] == []


def test_it_makes_and_ends_calls(seen: Json) -> None:
    assert seen["made"]["status"] == "queued"
    assert seen["cancelled"]["status"] == seen["after"]["status"] == "cancelled"
    assert seen["hung_up"]["success"]


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("wrong_key", ["AuthenticationError", 401, 1002]),
        ("no_call", ["CallError", 404, 7003]),
        ("no_tool", ["PamelaError", 404, None]),
        ("bad_number", ["ValidationError", 400, 2002]),
        ("bad_limit", ["ValidationError", 422, 2001]),
        ("cancelled_twice", ["ValidationError", 400, 2001]),
    ],
)
def test_it_raises_the_error_of_its_own_that_fits(
    seen: Json, what: str, error: list[object]
) -> None:
    assert seen[what] == error


@pytest.mark.parametrize(
    ("subscription", "code"),
    [(AccountSubscription(None), 1005), (AccountSubscription("past_due", NOW), 7008)],
)
def test_it_tells_that_the_subscription_has_lapsed(
    python: Path, world: World, subscription: AccountSubscription, code: int
) -> None:
    paid = world.account.subscription
    world.account.subscription = subscription
    try:
        seen = run(python, world, "lapsed")
    finally:
        world.account.subscription = paid
    assert seen["lapsed"] == ["SubscriptionError", 403, code]
