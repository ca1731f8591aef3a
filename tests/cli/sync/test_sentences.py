"""A sync in one sentence: what was queued, sent, settled, and queued again."""

from collections import Counter

import pytest

from billing.commands.results import sync_sentence
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import SyncReport


@pytest.mark.parametrize(
    ("counts", "synced", "said"),
    [
        ({}, 0, "Sync: nothing was due."),
        ({"staged": 1}, 1, "Sync: 1 event queued; 1 synced."),
        ({"settled": 2}, 0, "Sync: 2 settled by reading."),
        (
            {"settled": 1, "requeued": 1},
            1,
            "Sync: 0 events queued; 1 synced, 1 queued again after proof of absence.",
        ),
        (
            {"settled": 3, "requeued": 1},
            0,
            "Sync: 2 settled by reading, 1 queued again after proof of absence.",
        ),
    ],
)
def test_what_was_sent_again_after_proof_is_told_apart(
    counts: dict[str, int], synced: int, said: str
) -> None:
    outcomes = Counter({Outcome.SYNCED: synced}) if synced else Counter[Outcome]()
    assert sync_sentence(SyncReport(**counts, outcomes=outcomes)) == said  # type: ignore[arg-type] # only numbers
