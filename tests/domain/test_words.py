"""Words that are written down: in ledgers, bundles and JSON they never change."""

from enum import StrEnum

import pytest

from billing.domain.adoption import AdoptionKind
from billing.domain.break_causes import Cause
from billing.domain.break_kinds import Book, Resolution
from billing.domain.breaks import MeterVerdict
from billing.domain.call import NotBillable, QuarantineReason
from billing.domain.call_metadata import Withheld
from billing.domain.close_obstacles import ObstacleKind
from billing.domain.cycle_schedule import CycleOutcome, Trigger
from billing.domain.deadlines import Limit
from billing.domain.invariants import Invariant
from billing.domain.journal import Role
from billing.domain.meter_contact import ContactState
from billing.domain.meter_event import EventState, FailReason, SendVerdict, SendWindow
from billing.domain.parity import DayState, ParityCause
from billing.domain.period import RelativePeriod
from billing.domain.posting import UsageType
from billing.domain.rounding_rule import Span
from billing.domain.settlement import SettleVerdict

WRITTEN: list[tuple[type[StrEnum], str]] = [
    (AdoptionKind, "cut_over undo send_difference leave_difference"),
    (Book, "source months sending meter invoice"),
    (
        Cause,
        """
        late_call changed_call missing_at_source month_edge source_minutes_differ
        quarantined decided call_underway times_contradict call_in_two_accounts
        source_total_differs before_first_period billed_in_later_month
        corrects_earlier_month sent_in_later_month carries_earlier_month
        opening_differs not_staged in_flight held unanswered rejected uncertain
        expired cancelling voided counted_unrecorded counted_after_all not_settled
        unknown_customer not_counted above_ledger counted_twice foreign_event
        invoiced_before_it_arrived invoice_differs
        """,
    ),
    (ContactState, "clear unread waiting opening"),
    (CycleOutcome, "clean breaks failed refused stopped"),
    (DayState, "holds broken young"),
    (EventState, "pending synced failed"),
    (FailReason, "unanswered rejected uncertain expired cancelling replaced voided"),
    (Limit, "cancel invoice bill decide"),
    (MeterVerdict, "exact waiting break"),
    (
        NotBillable,
        """
        underway never_connected other_month before_first_period by_decision
        """,
    ),
    (
        ObstacleKind,
        """
        not_over in_shadow earlier_open unreadable not_pulled underway quarantined
        not_staged not_final suspected not_reconciled not_settled breaks
        """,
    ),
    (
        ParityCause,
        """
        not_arrived rounding_rule other_hour other_customer missing_calls
        unknown_calls unexplained
        """,
    ),
    (
        QuarantineReason,
        """
        not_an_object no_id wrong_type unknown_status bad_time naive_time
        starts_in_future ended_before_start no_duration negative_duration
        absurd_duration times_contradict duplicate_id unknown_customer no_price
        id_reused call_in_two_accounts
        """,
    ),
    (RelativePeriod, "last this"),
    (Resolution, "waits stays carried decided"),
    (Role, "receivable unbilled revenue adjustments rounding"),
    (SendVerdict, "counted duplicate refused busy unknown locked_out unsent cancelled"),
    (SendWindow, "open too_early too_late"),
    (SettleVerdict, "counted absent open contradicts"),
    (Span, "call hour day"),
    (Trigger, "run daemon manual"),
    (UsageType, "api_usage adjustment"),
    (Withheld, "could_be_phone unusable"),
]


# These hold spaces, so they are told apart by commas.
INVARIANTS = (
    "file, conservation, attribution, corrections, revisions, extracts, sources, "
    "pulls, overlap, passed over, events, identifiers, resends, evidence, "
    "counted once, registered, totals, closed months, audit trail"
)


def test_an_invariant_keeps_its_name() -> None:
    assert set(INVARIANTS.split(", ")) <= {word.value for word in Invariant}


@pytest.mark.parametrize(("kind", "words"), WRITTEN)
def test_a_word_that_is_written_down_never_changes(
    kind: type[StrEnum], words: str
) -> None:
    assert set(words.split()) <= {word.value for word in kind}
