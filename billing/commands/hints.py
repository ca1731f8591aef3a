"""Hints: command lines to copy, which work as they stand where the program runs."""

import os
from pathlib import Path
from shlex import quote


def program(folder: Path = Path()) -> str:
    """Return how to start this program from a folder."""
    # `uv run` sets it, and what it starts is on the path only below `uv run`.
    if "UV_RUN_RECURSION_DEPTH" not in os.environ:
        return "pamela-billing"
    here = Path.cwd()
    if folder.resolve().is_relative_to(here):
        return "uv run pamela-billing"
    return f"uv run --project {quote(str(here))} pamela-billing"


def advance_clock(url: str, seconds: int) -> str:
    """Return how to move a sandbox's clock on."""
    order = f'{{"advance_seconds": {seconds}}}'
    return f"curl -X PUT {url}/_sandbox/clock -d '{order}'"
