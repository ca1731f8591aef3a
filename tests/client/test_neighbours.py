"""Neighbours: other distributions that install the same import name."""

import subprocess
import sys
from pathlib import Path

import pytest

from pamela._neighbours import find_others


@pytest.mark.parametrize(
    ("installed", "others"),
    [
        ([], []),
        (["pamela_billing-0.1.0.dist-info", "requests-2.0.dist-info"], []),
        (["thisispamela-1.2.0.dist-info"], ["thisispamela"]),
        (["thisispamela-1.2.0.egg-info"], ["thisispamela"]),
        (["pamela-1.2.0.dist-info"], ["pamela"]),
        (
            ["pamela-1.2.0.dist-info", "thisispamela-1.2.0.dist-info"],
            ["thisispamela", "pamela"],
        ),
        (["thisispamela", "thisispamela-notes.txt", "pamela"], []),
    ],
)
def test_others_are_found_by_what_installers_leave(
    tmp_path: Path, installed: list[str], others: list[str]
) -> None:
    for name in installed:
        (tmp_path / name).mkdir()
    assert find_others([str(tmp_path), str(tmp_path / "nowhere"), __file__]) == others


@pytest.mark.parametrize("others", [0, 1])
def test_importing_says_once_that_there_is_another(tmp_path: Path, others: int) -> None:
    if others:
        (tmp_path / "thisispamela-1.2.0.dist-info").mkdir()
    program = "import pamela, pamela.client; from pamela import PamelaClient"
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.append({str(tmp_path)!r}); {program}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert run.stderr.count("PackageConflictWarning: thisispamela is") == others
    assert bool(run.stderr) == bool(others)
