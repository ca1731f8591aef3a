"""The official SDK's own tests and examples, run as they are, on our package."""

import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask
import pytest

import pamela
from billing.sandbox.seeds.worlds import realistic
from billing.sandbox.server import running
from billing.sandbox.world import new_sandbox
from tests.client import official

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
# What the sources hold; a fetch that brings something else must not pass unseen.
OFFLINE, INTEGRATION = 19, 4


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return official.sources(tmp_path_factory)


@pytest.fixture(scope="module")
def suite(sources: Path) -> Path:
    return sources / "tests" / "test_pamela.py"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, str]]:
    seeded = realistic(1, NOW, calls=100)
    world = new_sandbox(seeded.pamela, seeded.customers, NOW)
    account = world.pamela.accounts[0]
    with running(world) as url:
        yield {"PAMELA_API_URL": url, "PAMELA_TEST_API_KEY": account.api_key}


def outcomes(results: dict[str, str]) -> dict[str, int]:
    kinds = list(results.values())
    return {kind: kinds.count(kind) for kind in kinds}


def test_the_offline_part_passes_on_our_package(suite: Path, tmp_path: Path) -> None:
    results = official.run_suite(Path(sys.executable), suite, tmp_path / "run")
    assert outcomes(results) == {"passed": OFFLINE, "skipped": INTEGRATION}


def test_all_of_it_passes_on_our_package_against_our_sandbox(
    suite: Path, tmp_path: Path, sandbox: dict[str, str]
) -> None:
    python = Path(sys.executable)
    results = official.run_suite(python, suite, tmp_path / "run", **sandbox)
    assert outcomes(results) == {"passed": OFFLINE + INTEGRATION}
    program = "import pamela; print(pamela.__file__)"
    output = official.run(sys.executable, "-c", program, cwd=tmp_path / "run")
    assert output.strip() == pamela.__file__


def test_all_of_it_passes_on_the_official_package_against_our_sandbox(
    suite: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sandbox: dict[str, str],
) -> None:
    python = official.environment(tmp_path_factory)
    results = official.run_suite(python, suite, tmp_path / "run", **sandbox)
    assert outcomes(results) == {"passed": OFFLINE + INTEGRATION}
    output = official.run(
        str(python), "-c", "import pamela; print(pamela.__version__)", cwd=tmp_path
    )
    assert output.strip() == official.VERSION


def post_to(app: flask.Flask) -> None:
    """Post a signed webhook to the one route of an example's app, and a forged one."""
    payload = {
        "tool_name": "check_order_status",
        "arguments": {"order_id": "a1"},
        "correlation_id": "corr_1",
        "event": "call.completed",
        "call_id": "call_1",
    }
    (rule,) = (r for r in app.url_map.iter_rules() if r.endpoint != "static")
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    secret = b"your_webhook_secret"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    for sent, status in ((signature, 200), ("0" * 64, 401)):
        headers = {"X-Pamela-Signature": sent}
        answer = app.test_client().post(rule.rule, json=payload, headers=headers)
        assert answer.status_code == status


def test_each_example_of_the_official_readme_runs_as_printed(
    sources: Path, sandbox: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = (sources / "README.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 6
    key, url = sandbox["PAMELA_TEST_API_KEY"], sandbox["PAMELA_API_URL"]
    namespace: dict[str, Any] = {"__name__": "readme", "check_order_status": str.upper}
    made: set[pamela.PamelaClient] = set()
    for example in examples:
        # Only the server and the key are ours.
        here = example.replace("https://api.thisispamela.com", url)
        here = re.sub(r"pk_live_your\w+", key, here)
        here = here.replace(
            f'(api_key="{key}")', f'(api_key="{key}", base_url="{url}")'
        )
        exec(compile(here, "README.md", "exec"), namespace)
        if "app" in namespace:
            post_to(namespace.pop("app"))
        # The examples never close a client; the last one goes on with the one there is.
        made.add(namespace["client"])
    for client in made:
        client.close()
    output = capsys.readouterr().out
    assert "Call created: call_" in output
    assert "Call status: " in output
    assert re.search(r"Usage: \d+ calls, [\d.]+ minutes", output)
    for refusal in ("Auth failed", "Subscription", "Rate", "Invalid", "error"):
        assert refusal not in output
