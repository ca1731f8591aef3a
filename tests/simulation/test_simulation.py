"""As many seeds as fit into a minute: no invariant is violated in any of them.

It is the short form; more of them, and other ones, take `python -m tests.simulation`.
"""

import os
import time

import pytest

from tests.simulation.__main__ import show_failure
from tests.simulation.campaign import run_seeds
from tests.simulation.failed_seeds import FAILED_SEEDS

SECONDS = 25
JOBS = 2
# The same seeds at each run: what fails here was broken by what changed.
SEEDS = [*FAILED_SEEDS, *range(100_000)]


@pytest.mark.parametrize(
    "borders", [pytest.param(True, id="borders"), pytest.param(False, id="alone")]
)
def test_no_seed_violates_an_invariant(borders: bool) -> None:
    os.environ["PYTHONHASHSEED"] = "0"  # for the processes that are started
    until = time.monotonic() + SECONDS
    campaign = run_seeds(SEEDS, jobs=JOBS, until=until, borders=borders, conform=True)
    for failure in campaign.failures[:3]:
        show_failure(failure)
    assert not campaign.failures
    assert campaign.seeds > 0
