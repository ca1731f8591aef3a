"""The golden output: `write` it from one checkout, and `compare` it with another's.

python -m tests.golden write FOLDER [--checkout PATH] [--only WORLD]
python -m tests.golden compare BEFORE AFTER [--accept FILE] [--screen]
"""

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.golden.comparing import compare
from tests.golden.worlds import live, worlds
from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
AT_ONCE = 2


def write(folder: Path, checkout: Path, only: str | None) -> int:
    """Live through all worlds, and keep what was answered in them."""
    if folder.exists():
        shutil.rmtree(folder)
    with PostgresServer(fsync=False) as server, tempfile.TemporaryDirectory() as room:
        places = {"checkout": checkout.resolve(), "room": Path(room), "kept": folder}
        chosen = {
            name: world
            for name, world in worlds(server.create_database).items()
            if only in (None, name)
        }
        with ThreadPoolExecutor(AT_ONCE) as pool:
            lived = [pool.submit(live, *each, places) for each in chosen.items()]
        for one in lived:
            one.result()
    return 0


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="tests.golden")
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--checkout", type=Path, default=ROOT)
    writing.add_argument("--only")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--accept", type=Path)
    comparing.add_argument("--screen", action="store_true")
    given = parser.parse_args()
    if given.command == "write":
        return write(given.folder.resolve(), given.checkout, given.only)
    return compare(given.before, given.after, given.accept, screen=given.screen)


if __name__ == "__main__":
    sys.exit(main())
