"""The planted bugs: each still takes the place of a part that the product has."""

import pytest

from tests.simulation.planted.bug import Planted
from tests.simulation.planted.planting import PLANTED


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.says)
def test_a_planted_bug_fits_into_its_place(planted: Planted) -> None:
    before = [owner.__dict__[name] for owner, name, _ in planted.swaps]
    with planted.in_place():
        within = [owner.__dict__[name] for owner, name, _ in planted.swaps]
    after = [owner.__dict__[name] for owner, name, _ in planted.swaps]
    assert all(bug is not part for bug, part in zip(within, before, strict=True))
    assert after == before
