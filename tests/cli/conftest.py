"""A desk for each test, with a running sandbox and settings that point at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.sandbox.server import running
from tests.cli.desk import Desk, small_sandbox

# A run takes less.
MINUTE = 60


@pytest.fixture
def bare_desk(tmp_path: Path) -> Iterator[Desk]:
    """Give a desk without settings."""
    sandbox = small_sandbox()
    with running(sandbox) as url:
        yield Desk(tmp_path, sandbox, url)


@pytest.fixture(scope="session")
def made_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Type `init` once for the whole run; small sandboxes differ in their URL only."""
    sandbox = small_sandbox()
    with running(sandbox) as url:
        desk = Desk(tmp_path_factory.mktemp("made"), sandbox, url)
        desk.done("init", "--sandbox", url)
    return desk


@pytest.fixture
def desk(made_desk: Desk, bare_desk: Desk) -> Desk:
    """Give a desk whose settings point at its sandbox."""
    return copied(made_desk, bare_desk)


@pytest.fixture(scope="session")
def run_once(made_desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Type `run` once for the whole run."""
    sandbox = small_sandbox()
    with running(sandbox) as url:
        desk = Desk(tmp_path_factory.mktemp("run"), sandbox, url)
        copied(made_desk, desk).done("run")
    return desk


@pytest.fixture
def billed_desk(run_once: Desk, bare_desk: Desk) -> Desk:
    """Give a desk whose ledger has been run; its sandbox saw no run: just read it."""
    bare_desk.sandbox.clock.advance(MINUTE)
    return copied(run_once, bare_desk)


def copied(desk: Desk, new: Desk) -> Desk:
    """Bring to a new desk what lies on another, and point it at its own sandbox."""
    shutil.copytree(desk.folder, new.folder, dirs_exist_ok=True)
    new.amend(desk.url, new.url)
    return new
