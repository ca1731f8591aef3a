"""A desk for each test, with a running sandbox and settings that point at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.sandbox.server import running
from tests.cli.desk import Desk, small_sandbox


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
        desk = Desk(tmp_path_factory.mktemp("desk"), sandbox, url)
        desk.done("init", "--sandbox", url)
    return desk


@pytest.fixture
def desk(made_desk: Desk, bare_desk: Desk) -> Desk:
    """Give a desk whose settings point at its sandbox."""
    shutil.copytree(made_desk.folder, bare_desk.folder, dirs_exist_ok=True)
    bare_desk.amend(made_desk.url, bare_desk.url)
    return bare_desk
