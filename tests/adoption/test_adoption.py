"""A few cut-overs by chance; `python -m tests.adoption` runs a thousand."""

import re
import subprocess
import sys
from pathlib import Path

from tests.adoption.campaign import run_seeds

ROOT = Path(__file__).parents[2]


def test_cut_overs_by_chance_double_and_lose_nothing() -> None:
    results = list(run_seeds(first=0, cut_overs=24))
    assert [words for result in results for words in result.wrong] == []
    assert sum(result.happened["deaths"] for result in results) > 10


def test_cut_overs_whose_processes_are_killed_double_and_lose_nothing() -> None:
    # Beside no threads, since it forks.
    proof = subprocess.run(
        [sys.executable, "-m", "tests.adoption", "--kills", "--cut-overs", "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert "0 minutes doubled, 0 lost, 0 wrong" in proof.stdout
    deaths = re.search(r"(\d+)  deaths", proof.stdout)
    assert deaths is not None
    assert int(deaths.group(1)) > 2
