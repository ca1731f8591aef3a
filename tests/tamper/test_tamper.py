"""A share of the alterations; `python -m tests.tamper` makes a thousand."""

from pathlib import Path

import pytest

from tests.tamper.bundles import originals
from tests.tamper.campaign import KINDS, campaign, false_alarms
from tests.tamper.real_ledger import real_original


@pytest.mark.parametrize("seed", [1, 2])
def test_every_alteration_is_rejected(tmp_path: Path, seed: int) -> None:
    bundles = [real_original(tmp_path), *originals(tmp_path, seeds=2)]
    options = {"alterations": len(KINDS) * 3, "seed": seed}
    for trial in campaign(bundles, tmp_path, **options):
        assert trial.failure is not None, trial
        assert "\n" not in trial.failure


def test_valid_bundles_pass_however_they_are_packed(tmp_path: Path) -> None:
    bundles = [real_original(tmp_path), *originals(tmp_path, seeds=3)]
    assert false_alarms(bundles, tmp_path) == []
