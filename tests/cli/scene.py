"""A scene: what lies on a desk and what its sandbox is; tests go on from copies."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from billing.sandbox.server import running
from billing.sandbox.world import Sandbox
from tests.cli.desk import Desk


@dataclass(frozen=True)
class Scene:
    """A desk that nobody uses any more, and the state of its sandbox."""

    folder: Path
    url: str
    state: bytes

    @contextmanager
    def copied_to(self, folder: Path) -> Iterator[Desk]:
        """Give a copy of the desk, at a sandbox that goes on from the same state."""
        state: dict[str, Any] = orjson.loads(self.state)
        sandbox = Sandbox.from_state(state, rate_limits="off")
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        with running(sandbox) as url:
            desk = Desk(folder, sandbox, url)
            desk.amend(self.url, url)
            yield desk


def kept_scene(desk: Desk) -> Scene:
    """Keep a desk as it is now."""
    return Scene(desk.folder, desk.url, orjson.dumps(desk.sandbox.to_state()))
