"""A pgbouncer before a PostgreSQL of the tests, in the mode that a test asks for."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import defpath
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.postgres import PostgresServer

# Debian puts it where only root's path leads.
PROGRAM = shutil.which("pgbouncer", path=f"{defpath}:/usr/sbin:/usr/local/bin")
PORT = 6432
START_SECONDS = 30
needs_pooler = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@contextmanager
def pooler(server: PostgresServer, mode: str, size: int = 20) -> Iterator[Path]:
    """Run a pooler in a mode; gives the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="pooler-", dir=server.folder.parent))
    lines = [
        "[databases]",
        f"* = host={server.folder} port=5432 user=billing",
        "[pgbouncer]",
        f"unix_socket_dir = {folder}",
        f"listen_port = {PORT}",
        "auth_type = any",
        f"pool_mode = {mode}",
        f"default_pool_size = {size}",
        "query_wait_timeout = 20",
    ]
    (folder / "pooler.ini").write_text("\n".join(lines) + "\n")
    if server.user:
        shutil.chown(folder, server.user.pw_uid, server.user.pw_gid)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(PROGRAM), "-q", folder / "pooler.ini"],
            stdout=log,
            stderr=log,
            user=server.user and server.user.pw_uid,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, folder)
        yield folder
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def through(folder: Path, url: str) -> str:
    """Return the address of a database behind a pooler."""
    address = make_url(url).update_query_dict({"host": str(folder), "port": str(PORT)})
    return address.render_as_string(hide_password=False)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            place = f"host={folder} port={PORT} user=billing dbname=postgres"
            psycopg.connect(place).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError((folder / "log").read_text())
