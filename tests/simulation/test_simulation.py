"""As many seeds as fit into a minute: no invariant is violated in any of them.

It is the short form, of a world with one ledger, one account and nobody beside; what
stands at its borders, and other seeds, take `python -m tests.simulation`.
"""

import os
import time

from tests.simulation.__main__ import show_failure
from tests.simulation.campaign import run_seeds

SECONDS = 50
JOBS = 2
# The same seeds at each run: what fails here was broken by what changed.
SEEDS = range(100_000)


def test_no_seed_violates_an_invariant() -> None:
    os.environ["PYTHONHASHSEED"] = "0"  # for the processes that are started
    until = time.monotonic() + SECONDS
    campaign = run_seeds(SEEDS, jobs=JOBS, until=until, borders=False)
    for failure in campaign.failures[:3]:
        show_failure(failure)
    assert not campaign.failures
    assert campaign.seeds > 0
