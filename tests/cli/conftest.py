"""A desk for each test, with a running sandbox and settings that point at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.sandbox.server import running
from tests.cli.desk import Desk, small_sandbox
from tests.cli.scene import Scene, kept_scene


@pytest.fixture
def bare_desk(tmp_path: Path) -> Iterator[Desk]:
    """Give a desk without settings."""
    sandbox = small_sandbox()
    with running(sandbox) as url:
        yield Desk(tmp_path, sandbox, url)


@pytest.fixture(scope="session")
def first_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Type `init` once for the whole run."""
    folder, sandbox = tmp_path_factory.mktemp("init"), small_sandbox()
    with running(sandbox) as url:
        desk = Desk(folder, sandbox, url)
        desk.done("init", "--sandbox", url)
        return kept_scene(desk)


@pytest.fixture(scope="session")
def run_scene(first_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Type `run` once for the whole run."""
    with first_scene.copied_to(tmp_path_factory.mktemp("run")) as desk:
        desk.done("run")
        desk.settle()
        return kept_scene(desk)


@pytest.fixture
def desk(first_scene: Scene, tmp_path: Path) -> Iterator[Desk]:
    """Give a desk whose settings point at its sandbox."""
    with first_scene.copied_to(tmp_path) as desk:
        yield desk


@pytest.fixture
def run_desk(run_scene: Scene, tmp_path: Path) -> Iterator[Desk]:
    """Give a desk where a cycle was run, and an hour has passed since."""
    with run_scene.copied_to(tmp_path) as desk:
        yield desk
