"""Runs one PostgreSQL for as long as its standard input is open.

The launcher in `postgres.py` holds the other end of the pipe. The kernel closes it
when that process ends, however it ends, so no server and no folder is left behind.
A line on the pipe stops the server and keeps its folder; a closed pipe removes both.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

SIGNALS = {"stop": signal.SIGINT, "kill": signal.SIGQUIT}


def main(folder: Path, owner: str, group: str, binaries: Path, *options: str) -> None:
    """Make the cluster if there is none, run it, and obey the pipe."""
    user, group_id = (owner, int(group)) if owner else (None, None)
    groups: list[int] | None = [] if owner else None
    data = str(folder / "data")
    if not Path(data).exists():
        subprocess.run(
            [
                str(binaries / "initdb"),
                "--pgdata",
                data,
                "--username",
                "billing",
                "--auth",
                "trust",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
                "--no-instructions",
            ],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            user=user,
            group=group_id,
            extra_groups=groups,
        )
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-k", folder, *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        user=user,
        group=group_id,
        extra_groups=groups,
    )
    order = sys.stdin.readline().strip()
    server.send_signal(SIGNALS.get(order, signal.SIGQUIT))
    server.wait()
    if not order:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), *sys.argv[5:])
