"""Invariants of meter events and pulls: each violation is found, with its place."""

from itertools import chain

import pytest

from billing.domain.invariants import Invariant
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import Marks
from tests.ledger.integrity.sound_ledger import Damage, damage, disarm
from tests.ledger.integrity.test_call_checks import EVERYTHING, IDS, faults

EVENT = "UPDATE meter_event SET"
PLAIN = "WHERE identifier = 'test-stripe_minutes-cus_acme-20260310T12-0'"
LESS = "WHERE identifier = 'test-stripe_minutes-cus_acme-20260310T13-0'"
MOVED = "WHERE identifier = 'test-stripe_minutes-cus_acme-20260310T14-0'"
RESENT = "(SELECT id FROM meter_event {event})"
ONCE = RESENT.format(event=PLAIN)
SHOWN_TWICE = (
    "INSERT INTO meter_reading (event_id, read_at, minutes) "
    "SELECT id, last_sent_at, 2 * minutes FROM meter_event {event}"
)
# What is done to the ledger, the invariants that this violates, and the words.
DAMAGES = {
    "events: other minutes": Damage(
        f"{EVENT} minutes = 3 {PLAIN}",
        {Invariant.EVENTS},
        "T12-0 reports 3 minutes, its rows hold 2",
    ),
    "events: a row is unbound": Damage(
        "UPDATE b2b_usage SET meter_event_id = NULL WHERE call_id = 'plain'",
        {Invariant.EVENTS},
        "T12-0 reports 2 minutes, its rows hold 0",
    ),
    "events: a row of another hour": Damage(
        f"UPDATE b2b_usage SET meter_event_id = (SELECT id FROM meter_event {PLAIN}) "
        "WHERE call_id = 'unstaged'",
        {Invariant.EVENTS},
        "T12-0 carries 1 rows of another hour",
    ),
    "events: replaced, and bound": Damage(
        f"{EVENT} state = 'failed', reason = 'replaced' {PLAIN}",
        {Invariant.EVENTS},
        "T12-0 was replaced, and still carries 1 rows",
    ),
    "I10, name": Damage(
        f"{EVENT} identifier = 'x' {PLAIN}",
        {Invariant.IDENTIFIERS},
        "event x is not test-stripe_minutes-cus_acme-20260310T12-0",
    ),
    "I10, minute": Damage(
        f"{EVENT} timestamp = staged_at {PLAIN}",
        {Invariant.IDENTIFIERS},
        "is not test-stripe_minutes-cus_acme-20260310T12-0, in its minute and month",
    ),
    "I10, customer": Damage(
        f"{EVENT} stripe_customer = 'cus_x' {PLAIN}",
        {Invariant.IDENTIFIERS},
        "is not test-stripe_minutes-cus_x-20260310T12-0",
    ),
    "I21": Damage(
        f"{EVENT} livemode = 1 {PLAIN}",
        {Invariant.IDENTIFIERS},
        "is not live-stripe_minutes-cus_acme-20260310T12-0",
    ),
    "I13": Damage(
        "DELETE FROM meter_reading",
        {Invariant.RESENDS},
        "attempt 2 of event test-stripe_minutes-cus_acme-20260310T14-0 began at "
        "2026-03-13T18:00:00Z, 23 hours or more after the one of unknown outcome at "
        "2026-03-12T12:00:00Z",
    ),
    "I14, no answer": Damage(
        f"DELETE FROM meter_attempt WHERE event_id IN {RESENT.format(event=PLAIN)}",
        {Invariant.EVIDENCE},
        "T12-0 is synced, and nothing shows that it was counted",
    ),
    "I14, refused": Damage(
        "UPDATE meter_attempt SET verdict = 'refused' "
        f"WHERE event_id IN {RESENT.format(event=PLAIN)}",
        {Invariant.EVIDENCE},
        "T12-0 is synced, and nothing shows that it was counted",
    ),
    "I14, twice what was sent once": Damage(
        f"UPDATE meter_attempt SET verdict = 'unknown' WHERE event_id IN {ONCE}; "
        + SHOWN_TWICE.format(event=PLAIN),
        {Invariant.EVIDENCE},
        "T12-0 is synced, and nothing shows that it was counted",
    ),
    "I15": Damage(
        f"{EVENT} state = 'failed', reason = 'expired' {PLAIN}",
        {Invariant.EVIDENCE},
        "T12-0 is failed/expired, and an attempt may have been counted",
    ),
    "I20": Damage(
        f"DELETE FROM meter_attempt WHERE event_id IN {RESENT.format(event=LESS)}; "
        f"{EVENT} state = 'pending', evidence = NULL {LESS}; "
        f"DELETE FROM meter_attempt WHERE event_id IN {RESENT.format(event=PLAIN)}; "
        f"{EVENT} state = 'pending', evidence = NULL {PLAIN}",
        {Invariant.TOTALS},
        "-1 minutes are reported of cus_acme for 2026-03",
    ),
    "I24": Damage(
        'UPDATE pull SET reasons = \'{"not_billable": {"underway": 5}}\' '
        "WHERE scope = 'month' AND state = 'complete'",
        {Invariant.PULLS},
        "of main, 2026-03, fetched 4 calls; its parts add up to others",
    ),
    "I25": Damage(
        "UPDATE pull SET window_start = started_at WHERE scope = 'recent'",
        {Invariant.OVERLAP},
        "of main, 2026-03, leaves out what the one before it may not have seen",
    ),
}


@pytest.mark.parametrize("since", EVERYTHING, ids=IDS)
@pytest.mark.parametrize("case", DAMAGES)
def test_damage_to_events_and_pulls_is_found(
    sound: Ledger, case: str, since: Marks | None
) -> None:
    statements, invariants, words = DAMAGES[case]
    disarm(sound)
    damage(sound, *statements.split("; "))
    violated = faults(sound, since)
    # Whoever damages rows by hand may break the trail, too; its own tests say when.
    assert set(violated) - {Invariant.TRAIL} == invariants, violated
    assert words in "; ".join(chain(*violated.values()))


def test_what_was_sent_again_is_shown_by_a_multiple_of_it(sound: Ledger) -> None:
    disarm(sound)
    resent = RESENT.format(event=MOVED)
    unknown = f"UPDATE meter_attempt SET verdict = 'unknown' WHERE event_id IN {resent}"
    damage(sound, unknown)
    assert Invariant.EVIDENCE in faults(sound, None)
    damage(sound, SHOWN_TWICE.format(event=MOVED))
    assert Invariant.EVIDENCE not in faults(sound, None)
