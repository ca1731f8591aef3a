"""Accounts are pulled side by side, and what several list is still the first one's."""

import threading

import pytest

from billing.domain.period import Window
from billing.errors import SourceUnavailable
from billing.gateways.call_pages import CallPage
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import run_cycle
from billing.pipeline.cycle_report import CycleReport
from tests.pipeline.bench import MARCH, Bench, call
from tests.pipeline.fakes import ListedSource
from tests.pipeline.pull.test_identity import rules_of

ACCOUNTS = 12


def cycle(bench: Bench, sources: list[ListedSource]) -> CycleReport:
    """Run a cycle of several accounts."""
    pairs = [(source, rules_of(bench, source.account)) for source in sources]
    options = bench.cycle_options().only(pairs)
    return run_cycle(bench.ledger, bench.meter, options, [MARCH], lambda _: no_progress)


class Meeting(ListedSource):
    """A source that answers once another one is asked, too."""

    def __init__(self, account: str, met: threading.Barrier) -> None:
        super().__init__(account)
        self.met = met

    def read_page(self, window: Window, offset: int) -> CallPage:
        try:
            self.met.wait(timeout=10)
        except threading.BrokenBarrierError:
            raise SourceUnavailable(self.account, "read alone") from None
        return super().read_page(window, offset)


def test_accounts_wait_for_their_sources_together(bench: Bench) -> None:
    met = threading.Barrier(4)
    sources: list[ListedSource] = [Meeting(f"a{n}", met) for n in range(4)]
    for source in sources:
        source.calls.append(call(f"of {source.account}"))
    report = cycle(bench, sources)
    assert [result.error for result in report.pulls] == [None] * 4
    assert bench.minutes() == {"acme": 4}


@pytest.mark.parametrize("times", range(3))
def test_a_call_of_many_accounts_is_the_first_ones(bench: Bench, times: int) -> None:
    sources = [ListedSource(f"a{n:02}") for n in range(ACCOUNTS)]
    for source in sources[times:]:
        source.calls.append(call("shared"))
    report = cycle(bench, sources)
    assert [result.account for result in report.pulls] == [s.account for s in sources]
    billed = bench.rows("SELECT account FROM b2b_usage")
    assert billed == [(sources[times].account,)]
    held = bench.rows("SELECT count(*) FROM quarantine")
    assert held == [(ACCOUNTS - times - 1,)]


def test_an_account_that_fails_lets_the_others_be_pulled_in_their_order(
    bench: Bench,
) -> None:
    class Failing(ListedSource):
        def read_page(self, window: Window, offset: int) -> CallPage:
            raise SourceUnavailable(self.account, "HTTP 503")

    sources = [ListedSource("a"), Failing("b"), ListedSource("c"), ListedSource("d")]
    for source in sources:
        source.calls.append(call("shared"))
    report = cycle(bench, sources)
    assert [bool(result.error) for result in report.pulls] == [
        False,
        True,
        False,
        False,
    ]
    assert bench.rows("SELECT account FROM b2b_usage") == [("a",)]
