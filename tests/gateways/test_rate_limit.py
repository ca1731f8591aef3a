"""The rate limit: turns are a gap apart, over all threads, endpoints and processes."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.request_rates import LIVE, TEST, Rates
from billing.gateways.rate_limit import EVENTS, Pace, endpoint_of

EVENT = "https://api.stripe.com/v1/billing/meter_events"
SUMMARY = "https://api.stripe.com/v1/billing/meters/mtr_1/event_summaries?limit=100"
CUSTOMER = "https://api.stripe.com/v1/customers/cus_1"
GENTLE = Rates(events=40, endpoint=10, account=20, events_apart=True)


class Ticks:
    """A monotonic clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        """Live a wait."""
        with self.lock:
            self.now += seconds


@dataclass
class Company:
    """So many processes under the same rates."""

    count: int = 1
    left: int = 0

    def processes(self) -> int:
        """Return how many there are."""
        return self.count

    def leave(self) -> None:
        """Note that this one leaves."""
        self.left += 1


@dataclass
class Asked:
    """A pace under a clock of its own, and when each request had its turn."""

    rates: Rates
    company: Company = field(default_factory=Company)
    ticks: Ticks = field(default_factory=Ticks)
    turns: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.pace = Pace(
            self.rates,
            sharing=self.company,
            ticks=lambda: self.ticks.now,
            sleep=self.ticks.sleep,
        )

    def get(self, url: str, times: int = 1) -> None:
        """Ask for something so often."""
        for _ in range(times):
            self.pace.wait("get", url)
            self.turns[url].append(self.ticks.now)

    def post(self, times: int = 1) -> None:
        """Send so many events."""
        for _ in range(times):
            self.pace.wait("post", EVENT)
            self.turns[EVENT].append(self.ticks.now)

    def most_in_a_second(self) -> int:
        """Return how many turns lie within one second, whatever they were for."""
        times = sorted(time for turns in self.turns.values() for time in turns)
        return max(
            sum(start <= time < start + 1 - 1e-9 for time in times) for start in times
        )


@pytest.mark.parametrize(
    ("method", "url", "endpoint"),
    [
        ("post", EVENT, EVENTS),
        ("get", SUMMARY, "GET /v1/billing/meters/*/event_summaries"),
        ("get", CUSTOMER, "GET /v1/customers/*"),
        ("GET", CUSTOMER.removesuffix("/cus_1"), "GET /v1/customers"),
        ("get", "https://x.example/v1/invoices/in_1/lines", "GET /v1/invoices/*/lines"),
        ("get", "https://x.example/v2/core/events?limit=1", "GET /v2/core/events"),
    ],
)
def test_an_endpoint_is_named_without_what_it_is_asked_about(
    method: str, url: str, endpoint: str
) -> None:
    assert endpoint_of(method, url) == endpoint


def test_turns_of_an_endpoint_are_a_gap_apart() -> None:
    asked = Asked(GENTLE)
    asked.get(SUMMARY, 21)
    assert asked.ticks.now == pytest.approx(102.0)


def test_a_pause_is_not_made_up_for_with_a_burst() -> None:
    asked = Asked(GENTLE)
    asked.get(SUMMARY)
    asked.ticks.now += 60
    asked.get(SUMMARY, 3)
    first, second, third = asked.turns[SUMMARY][1:]
    assert (second - first, third - second) == pytest.approx((0.1, 0.1), abs=0.006)


def test_endpoints_share_the_rate_of_the_account() -> None:
    asked = Asked(GENTLE)
    for _ in range(20):
        asked.get(SUMMARY)
        asked.get(CUSTOMER)
        asked.get(EVENT)  # read, it is an endpoint like any other
    assert asked.most_in_a_second() <= GENTLE.account + 1


@pytest.mark.parametrize(("rates", "seconds"), [(LIVE, 0.1), (TEST, 4.9)])
def test_in_live_mode_events_stand_apart_and_in_test_mode_all_is_one(
    rates: Rates, seconds: float
) -> None:
    asked = Asked(rates)
    asked.post(90)
    asked.get(SUMMARY, 2)
    asked.post(8)
    assert asked.ticks.now - 100 == pytest.approx(seconds, rel=0.6)


@pytest.mark.parametrize("rates", [LIVE, TEST, GENTLE])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_share_every_rate(rates: Rates, processes: int) -> None:
    asked = Asked(rates, Company(processes))
    asked.get(SUMMARY, 40)
    taken = asked.ticks.now - 100
    assert taken == pytest.approx(39 * processes / rates.endpoint, rel=0.02)


def test_a_rate_that_is_shared_by_more_holds_for_the_next_turn() -> None:
    asked = Asked(GENTLE)
    asked.get(SUMMARY)
    asked.company.count = 4
    asked.get(SUMMARY, 3)
    first, second, third = asked.turns[SUMMARY][1:]
    assert (second - first, third - second) == pytest.approx((0.4, 0.4), abs=0.006)


@pytest.mark.parametrize(
    ("reason", "url", "slower", "as_before"),
    [
        ("endpoint-rate", SUMMARY, {SUMMARY}, {CUSTOMER}),
        ("global-rate", SUMMARY, {SUMMARY, CUSTOMER}, set()),
        (None, SUMMARY, {SUMMARY}, {CUSTOMER}),
        ("endpoint-concurrency", SUMMARY, set(), {SUMMARY, CUSTOMER}),
    ],
)
def test_a_refusal_halves_the_rate_that_it_names(
    reason: str | None, url: str, slower: set[str], as_before: set[str]
) -> None:
    rates = Rates(events=40, endpoint=10, account=10, events_apart=True)
    for asked_for, halved in [(u, True) for u in slower] + [
        (u, False) for u in as_before
    ]:
        asked = Asked(rates)
        asked.pace.refused("get", url, reason)
        asked.get(asked_for, 6)
        expected = 5 / (10 / 2) if halved else 5 / 10
        assert asked.ticks.now - 100 == pytest.approx(expected, rel=0.1)


def test_a_rate_comes_back_when_nothing_is_refused_any_more() -> None:
    asked = Asked(GENTLE)
    for _ in range(12):
        asked.pace.refused("get", SUMMARY, "endpoint-rate")
        asked.ticks.now += 1.5
    asked.get(SUMMARY, 2)
    first, second = asked.turns[SUMMARY]
    assert second - first > 0.5
    asked.ticks.now += 60
    asked.get(SUMMARY, 2)
    third, fourth = asked.turns[SUMMARY][2:]
    assert fourth - third == pytest.approx(0.1, abs=0.006)


def test_many_refusals_of_one_second_are_one() -> None:
    asked = Asked(GENTLE)
    for _ in range(40):
        asked.pace.refused("get", SUMMARY, "endpoint-rate")
    asked.get(SUMMARY, 2)
    first, second = asked.turns[SUMMARY]
    assert second - first == pytest.approx(0.2, rel=0.1)


def test_who_rests_leaves_the_whole_rate_to_the_others() -> None:
    asked = Asked(GENTLE)
    asked.pace.leave()
    assert asked.company.left == 1


def test_threads_share_one_pace() -> None:
    pace = Pace(Rates.alike(200))
    began = datetime.now(UTC)
    turns: Counter[str] = Counter()

    def ask(url: str) -> Callable[[], None]:
        def once() -> None:
            pace.wait("get", url)
            turns[url] += 1

        return once

    with ThreadPoolExecutor(8) as pool:
        work = [ask(SUMMARY), ask(CUSTOMER)] * 21
        list(pool.map(lambda once: once(), work))
    assert datetime.now(UTC) - began >= timedelta(seconds=0.19)
    assert turns.total() == 42
