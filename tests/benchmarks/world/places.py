"""Places: a folder for the run, databases of both kinds, and the SDK's environment."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from tests.benchmarks.world.composition import SQLITE_FILE
from tests.postgres import PostgresServer

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
DIALECTS = (SQLITE, POSTGRESQL)
ROOT = Path(__file__).parents[3]
PACKAGES = ("thisispamela", "typing_extensions")


@dataclass
class Places:
    """Where a run puts things; all of it is gone afterwards."""

    folder: Path
    stack: ExitStack
    numbers: Iterator[int] = field(default_factory=count)

    def new_folder(self) -> Path:
        """Make an empty folder."""
        made = self.folder / str(next(self.numbers))
        made.mkdir()
        return made

    def new_database(self, dialect: str) -> str:
        """Return the URL of a new database; a SQLite file is beside the settings."""
        if dialect == SQLITE:
            return SQLITE_FILE
        return self._postgres.create_database(f"benchmark_{next(self.numbers)}")

    @cached_property
    def sdk_python(self) -> Path:
        """The Python of an environment that has the official SDK, made when asked."""
        place = self.folder / "sdk"
        python = place / "bin" / "python"
        make = ["uv", "venv", "-q", "-p", sys.executable, str(place)]
        install = ["uv", "pip", "install", "-q", "-p", str(python), *PACKAGES]
        for command in (make, install):
            subprocess.run(command, cwd=self.folder, check=True)
        return python

    @cached_property
    def _postgres(self) -> PostgresServer:
        return self.stack.enter_context(PostgresServer())


@contextmanager
def places() -> Iterator[Places]:
    """Give a run its places."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        ExitStack() as stack,
    ):
        yield Places(Path(folder), stack)
