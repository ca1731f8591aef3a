"""The hostile servers in short: what takes no waiting, and a few whole cycles."""

from collections.abc import Iterator

import pytest

from tests.hostile.behaviours import documents, wire, words
from tests.hostile.campaign import Part, try_cases, try_cycles
from tests.hostile.cycles import IN_A_CYCLE
from tests.hostile.endpoints import ENDPOINTS
from tests.hostile.generated import try_generated
from tests.hostile.server import NAMES, HostileServer, hostile_server

SHARES = 9
QUICK = [name for name in NAMES if name not in wire.SLOW]
# One that cannot be read, one that is no answer, one that lies.
CYCLES = [
    ("customer", "every text is 7 (1)"),
    ("customer", "closes in the body"),
    ("summary of a month", 'every number is "1e999999999"'),
    ("summary of a month", "closes in the body"),
    ("summary of a month", "answers in the other mode"),
    ("invoices", "every number is 0.5"),
    ("event", "sends HTML"),
    ("usage of a month", "every number is 18446744073709551616"),
    ("list of calls", "gives new pages for ever"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    """Serve both APIs, badly where it is asked for."""
    with hostile_server() as running:
        yield running


def test_there_are_many_ways_to_be_hostile() -> None:
    assert len(wire.QUICK) + len(wire.SLOW) >= 40
    assert len(words.WORDS) >= 40
    assert len(documents.DOCUMENTS) >= 80


def test_whatever_an_endpoint_answers_is_a_value_or_one_of_our_errors(
    server: HostileServer,
) -> None:
    # Every behaviour at two endpoints; `python -m tests.hostile` tries them at all.
    cases = [
        (number, behaviour)
        for number in range(len(ENDPOINTS))
        for behaviour in QUICK[number % SHARES :: SHARES]
    ]
    part = try_cases(server.url, cases)
    assert not part.failures, "\n".join(part.failures[:20])
    assert len(part.trials) == len(cases)
    assert outcomes(part) >= {"value", "MeterFault", "SourceUnreadable"}


def test_a_slow_answer_ends(server: HostileServer) -> None:
    cases = [(number, name) for number in (4, 15) for name in wire.SLOW]
    part = try_cases(server.url, cases)
    assert not part.failures, "\n".join(part.failures)
    assert outcomes(part) == {"MeterUnavailable", "SourceUnavailable"}


def test_what_is_bad_of_one_keeps_nobody_else_from_their_work(
    server: HostileServer,
) -> None:
    assert {endpoint for endpoint, _ in CYCLES} <= {*IN_A_CYCLE}
    part = try_cycles(server.url, CYCLES)
    assert not part.failures, "\n".join(part.failures)
    assert outcomes(part) == {"told"}


@pytest.mark.parametrize("number", range(len(ENDPOINTS)))
def test_generated_answers_are_values_or_errors_of_ours(number: int) -> None:
    trial = try_generated(number, 25)
    assert trial.wrong is None, trial.wrong


def outcomes(part: Part) -> set[str]:
    """Return what came of the trials."""
    return {trial.outcome for trial in part.trials}
