"""Invariants of calls: kept by what the code writes; a violation of each is found."""

from itertools import chain

import pytest

from billing.domain.invariants import SENTENCES, Invariant
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import Marks, find_faults
from tests.ledger.integrity.sound_ledger import Damage, damage, disarm

EVERYTHING = [None, Marks(call=0, usage=0, event=0, attempt=0, pull=0)]
IDS = ["whole", "what is new"]


def faults(ledger: Ledger, since: Marks | None) -> dict[Invariant, list[str]]:
    """Return where invariants are violated, and only those."""
    with ledger.reading() as connection:
        violated = find_faults(connection, since)
    return {invariant: words for invariant, words in violated.items() if words}


def test_every_invariant_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Invariant)


@pytest.mark.parametrize("since", EVERYTHING, ids=IDS)
def test_what_the_code_writes_keeps_every_invariant(
    sound: Ledger, since: Marks | None
) -> None:
    assert faults(sound, since) == {}


@pytest.mark.parametrize("since", EVERYTHING, ids=IDS)
def test_an_empty_ledger_keeps_every_invariant(
    ledger: Ledger, since: Marks | None
) -> None:
    assert faults(ledger, since) == {}


USAGE = "UPDATE b2b_usage SET"
CALL = "UPDATE call SET"
# What is done to the ledger, the invariants that this violates, and the words.
DAMAGES = {
    "I1, minutes": Damage(
        f"{USAGE} billed_minutes = 9 WHERE call_id = 'plain'",
        {Invariant.CONSERVATION, Invariant.EVENTS},
        "call plain of main, revision 1, is 2 minutes and 200000 micro-units for acme "
        "in 2026-03-10T12Z; its rows (2) hold 9 minutes and 200000",
    ),
    "I1, amount": Damage(
        f"{USAGE} amount_micro = 200001 WHERE call_id = 'unstaged'",
        {Invariant.CONSERVATION},
        "hold 2 minutes and 200001 micro-units",
    ),
    "I1, a row is gone": Damage(
        "DELETE FROM b2b_usage WHERE call_id = 'unstaged'",
        {Invariant.CONSERVATION},
        "its rows (none) hold 0 minutes",
    ),
    "I1, a row too many": Damage(
        "INSERT INTO b2b_usage (type, account, customer, call_id, call_revision, "
        "period, hour, call_hour, billed_minutes, amount_micro, currency, pull_id, "
        "posted_at) SELECT type, account, customer, 'never', call_revision, period, "
        "hour, call_hour, billed_minutes, amount_micro, currency, pull_id, posted_at "
        "FROM b2b_usage WHERE call_id = 'unstaged'",
        {Invariant.CONSERVATION},
        "call never of main, revision 1, is 0 minutes",
    ),
    "I1, another currency": Damage(
        f"{USAGE} currency = 'eur' WHERE call_id = 'unstaged'",
        {Invariant.CONSERVATION},
        "of main has not the price of its date",
    ),
    "I1, another price": Damage(
        f"{USAGE} price_id = 2 WHERE call_id = 'unstaged'",
        {Invariant.CONSERVATION},
        "call unstaged of main has not the price of its date",
    ),
    "I1, nobody to bill": Damage(
        f"{CALL} customer = NULL WHERE call_id = 'unstaged'",
        {Invariant.CONSERVATION},
        "call unstaged of main: it is billable, and no customer is named",
    ),
    "I5, month": Damage(
        f"{USAGE} period = '2026-04' WHERE call_id = 'unstaged'",
        {Invariant.ATTRIBUTION},
        "call unstaged of main is not in the month of its hour",
    ),
    "I5, hour": Damage(
        f"{USAGE} call_hour = posted_at, hour = posted_at WHERE call_id = 'unstaged'",
        {Invariant.ATTRIBUTION},
        "is 0 minutes and 0 micro-units for acme in 2026-03-12T12Z",
    ),
    "I5, customer": Damage(
        f"{USAGE} customer = 'globex' WHERE call_id = 'unstaged'",
        {Invariant.ATTRIBUTION},
        "for globex in 2026-03-10T15Z",
    ),
    "I5, the month was open": Damage(
        "DELETE FROM period_close",
        {Invariant.ATTRIBUTION},
        "of call late of main stands in 2026-03, not in the first open month",
    ),
    "I6": Damage(
        f"{CALL} extract_sha256 = 'x' WHERE call_id = 'february' AND revision = 1",
        {Invariant.CLOSED, Invariant.EXTRACTS},
        "2026-02 was closed with the digest",
    ),
    "I7, the wrong row": Damage(
        f"{USAGE} corrects = 1 WHERE call_id = 'less' AND call_revision = 2",
        {Invariant.CORRECTIONS},
        "of call less of main corrects row 1, and should correct an earlier row of it",
    ),
    "I7, the delta": Damage(
        f"{CALL} duration_seconds = 500 WHERE call_id = 'less' AND revision = 1",
        {Invariant.CORRECTIONS, Invariant.EXTRACTS},
        "call less of main, revision 1, is 9 minutes",
    ),
    "I8, a gap": Damage(
        f"{CALL} revision = 3 WHERE call_id = 'less' AND revision = 2",
        {Invariant.REVISIONS, Invariant.SOURCES},
        "call less of main has the revisions [1, 3], not 1 to 2",
    ),
    "I8, nothing new": Damage(
        f"{CALL} extract_sha256 = (SELECT extract_sha256 FROM call WHERE call_id = "
        "'less' AND revision = 1) WHERE call_id = 'less'",
        {Invariant.REVISIONS, Invariant.EXTRACTS},
        "revision 2 of call less of main says nothing new",
    ),
    "I28, the extract": Damage(
        f"{CALL} duration_seconds = 62 WHERE call_id = 'plain'",
        {Invariant.EXTRACTS},
        "revision 1 of call plain of main is not as it was read",
    ),
    "I28, no call": Damage(
        "DELETE FROM call WHERE call_id = 'plain'",
        {Invariant.SOURCES},
        "row 2 bills revision 1 of call plain of main, which is not kept",
    ),
}


@pytest.mark.parametrize("since", EVERYTHING, ids=IDS)
@pytest.mark.parametrize("case", DAMAGES)
def test_damage_to_calls_and_rows_is_found(
    sound: Ledger, case: str, since: Marks | None
) -> None:
    statement, invariants, words = DAMAGES[case]
    disarm(sound)
    damage(sound, statement)
    violated = faults(sound, since)
    # Closed months are digested only as a whole.
    expected = invariants if since is None else invariants - {Invariant.CLOSED}
    # Whoever damages rows by hand may break the trail, too; its own tests say when.
    assert set(violated) - {Invariant.TRAIL} == expected, violated
    if since is None or Invariant.CLOSED not in invariants:
        assert words in "; ".join(chain(*violated.values()))
