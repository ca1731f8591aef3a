"""Shadow, as `doctor` sees it."""

from dataclasses import replace

import pytest

from billing.domain.parity_sentences import REMOVE_THE_LINE
from billing.ledger.adopt.shadow import ShadowRule
from billing.ledger.database import Ledger
from billing.pipeline.doctor.checks import Check
from billing.pipeline.doctor.shadow_checks import check_shadow, in_shadow
from billing.reports.parity.shadow_status import read_shadow_status
from tests.pipeline.adopt.another_program import HOUR, adopt, report
from tests.pipeline.adopt.test_shadow import CUSTOMERS, RULE, ShadowBench
from tests.pipeline.bench import MARCH, NOON, Bench, call, of


@pytest.fixture
def fed(ledger: Ledger) -> ShadowBench:
    """Give a ledger in shadow on a meter that another program has fed."""
    bench = ShadowBench(ledger=ledger, sole_reporter=False)
    bench.source.calls += [
        call("a", NOON, 300, **of("acme")),
        call("g", NOON, 120, **of("globex")),
    ]
    report(bench, 5)
    return bench


def looked(bench: Bench, rule: ShadowRule = RULE) -> list[Check]:
    return list(check_shadow(bench.ledger, rule, [MARCH]))


def test_where_the_settings_say_no_shadow_nothing_is_said(fed: ShadowBench) -> None:
    assert looked(fed, replace(RULE, is_on=False)) == []


def test_it_says_for_how_many_days_parity_has_held(fed: ShadowBench) -> None:
    _, parity = looked(fed)
    assert "the meter of acme, globex was not read" in parity.found
    report(fed, 2, customer="globex")
    fed.cycle()
    shadow, parity = looked(fed)
    assert (shadow.passed, parity.passed) == (True, True)
    assert shadow.found.startswith("In shadow: nothing is sent for acme, globex, ")
    assert parity.found == "Parity has held for 1 day with minutes"


def test_broken_parity_is_a_fault_that_names_the_customer(fed: ShadowBench) -> None:
    fed.cycle()
    _, parity = looked(fed)
    assert not parity.passed
    assert parity.found.startswith("globex: parity is broken: on 2026-03-10 its meter ")
    assert "(-2 missing_calls)" in parity.found


def test_some_that_were_taken_over_are_said_to_be_sent(fed: ShadowBench) -> None:
    fed.cycle()
    adopt(fed, NOON + HOUR, stopped_at=NOON + HOUR)
    assert in_shadow(fed.ledger, RULE) == ["globex"]
    status = read_shadow_status(fed.ledger, RULE, [MARCH])
    *_, last = status.sentences()
    assert last == "Taken over, and sent all the same: acme"
    document = status.document()
    assert document is not None
    assert (document["customers"], document["taken_over"]) == (["globex"], ["acme"])


def test_when_nobody_is_left_the_line_is_to_be_removed(fed: ShadowBench) -> None:
    fed.cycle()
    adopt(fed, NOON + HOUR, stopped_at=NOON + HOUR, customers=CUSTOMERS)
    [check] = looked(fed)
    assert (check.passed, check.remedy) == (True, REMOVE_THE_LINE)
    assert check.found == "nobody is in shadow any more"


def test_who_sends_by_itself_is_a_fault_that_says_what_to_do(ledger: Ledger) -> None:
    bench = Bench(ledger=ledger)
    bench.take(call("a", NOON, 300))
    bench.sync()
    [check] = looked(bench)
    assert (check.passed, check.remedy) == (False, REMOVE_THE_LINE)
