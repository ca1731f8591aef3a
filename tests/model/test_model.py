"""The model: its names are the product's, its scale keeps the order, and it bites."""

import json

import pytest

from billing.domain.meter_event import EventState, FailReason, SendVerdict
from tests.model import state
from tests.model.__main__ import main
from tests.model.assumptions import MEASURED, UNMEASURED, Assumption, Bounds, Rules
from tests.model.search import Beginning, search
from tests.model.table import EXPECTED
from tests.simulation.conform.follower import REAL

SIMPLE = [Beginning()]
# What a single event without any rare turn shows already.
FALLS_AT_ONCE = [
    Assumption.IDENTIFIER_IS_REMEMBERED,
    Assumption.ARRIVES_IN_TIME,
    Assumption.SHOWN_IN_TIME,
    Assumption.STAYS_SHOWN,
    Assumption.MINUTE_IS_EXACT,
    Assumption.TAKEN_IS_COUNTED,
    Assumption.REFUSED_IS_NOT_COUNTED,
    Assumption.CLOCK_IS_RIGHT,
    Assumption.COMMIT_LASTS,
]


def test_states_reasons_and_verdicts_have_the_names_of_the_code() -> None:
    names = {value for value in vars(state).values() if isinstance(value, str)}
    for kind in (EventState, FailReason, SendVerdict):
        assert {member.value for member in kind} <= names


@pytest.mark.parametrize("bounds", [REAL, UNMEASURED, MEASURED])
def test_the_scaled_bounds_keep_the_order_of_the_real_ones(bounds: Bounds) -> None:
    assert bounds.resend + bounds.wire <= bounds.memory
    assert bounds.resend + bounds.wire <= bounds.proof_between
    assert bounds.lag <= bounds.proof_quiet
    assert bounds.remembered_quiet <= bounds.proof_quiet
    assert bounds.remembered_quiet + bounds.remembered_between < bounds.resend
    assert bounds.cancel < bounds.cancel_taken
    assert bounds.oldest_to_rearm < bounds.oldest < bounds.taken


def test_where_all_assumptions_hold_no_invariant_falls() -> None:
    for bounds in (UNMEASURED, MEASURED):
        found = search(Rules(bounds), SIMPLE)
        assert found.states > 500
        assert not found.traces


@pytest.mark.parametrize("broken", FALLS_AT_ONCE, ids=lambda broken: broken.name)
def test_where_an_assumption_is_broken_what_rests_on_it_falls(
    broken: Assumption,
) -> None:
    found = search(Rules(UNMEASURED, frozenset({broken})), SIMPLE)
    assert found.traces
    assert set(found.traces) <= EXPECTED[broken]


def test_every_assumption_says_what_it_is_and_what_rests_on_it() -> None:
    assert set(EXPECTED) == set(Assumption)


def test_a_search_is_told_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--assumption", "commit_lasts", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["broken"] == "commit_lasts"
    assert row["falls"]["never_counted_twice"][-1].startswith("arrive: counted")
