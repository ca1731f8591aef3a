"""A desk for each test, with a running sandbox and settings that point at it."""

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


@pytest.fixture
def desk(bare_desk: Desk) -> Desk:
    """Give a desk whose settings point at its sandbox."""
    bare_desk.done("init", "--sandbox", bare_desk.url)
    return bare_desk
