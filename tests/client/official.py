"""The official SDK, fetched when it is needed: its sources, and an environment."""

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

VERSION = "1.2.0"
PINNED = f"thisispamela=={VERSION}"
# The SDK needs it without saying so.
MISSING = "typing-extensions"
LONGEST_SECONDS = 240


def sources(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of its source distribution, unpacked."""

    def fetch(folder: Path) -> None:
        tools = ["--with", "pip", "--with", "setuptools", "--with", "wheel"]
        download = ["python", "-m", "pip", "download", "--no-deps", "--quiet"]
        source = ["--no-build-isolation", "--no-binary", "thisispamela"]
        run("uv", "run", "--no-project", *tools, *download, *source, PINNED, cwd=folder)
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")

    return once(factory, "official-sources", fetch) / f"thisispamela-{VERSION}"


def environment(factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has it, and what its tests need."""

    def make(folder: Path) -> None:
        run("uv", "venv", "--quiet", "--python", sys.executable, "env", cwd=folder)
        python = str(folder / "env" / "bin" / "python")
        install = ["uv", "pip", "install", "--quiet", "--python", python]
        run(*install, PINNED, MISSING, "pytest", cwd=folder)

    return once(factory, "official-env", make) / "env" / "bin" / "python"


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """Make a folder once for all workers of a run."""
    folder = factory.getbasetemp().parent / name
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not (folder / "done").exists():
            assert time.monotonic() < deadline, f"nobody finished {folder}"
            time.sleep(0.1)
        return folder
    make(folder)
    (folder / "done").touch()
    return folder


def run(*command: str, cwd: Path, **environ: str) -> str:
    """Run a program to its end; return what it printed."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))
    }
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        env={**kept, **environ},
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def run_suite(
    python: Path, suite: Path, folder: Path, **environ: str
) -> dict[str, str]:
    """Run an unmodified test file; return each test's outcome by its name."""
    folder.mkdir()
    copy = folder / suite.name
    copy.write_bytes(suite.read_bytes())
    plain = ["-p", "no:cacheprovider", "-p", "no:randomly", "--junit-xml", "report.xml"]
    command = [str(python), "-m", "pytest", "-q", *plain, copy.name]
    run(*command, cwd=folder, **environ)
    report = ElementTree.parse(folder / "report.xml")
    return {
        case.attrib["name"]: case[0].tag if len(case) else "passed"
        for case in report.iter("testcase")
    }
