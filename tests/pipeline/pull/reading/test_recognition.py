"""Recognition: what is unchanged is not rated again, and a pull comes to the same."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.domain.call import READ_AGAIN
from billing.domain.call_metadata import MetadataRule
from billing.domain.call_times import TimeTolerance
from billing.domain.period import Window
from billing.domain.rating import Price, PriceList
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.pull.pulls import Certificate
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.decide_call import DecisionOrder, decide_call
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.pipeline.pull.recognition import recognition
from billing.ports import CallMark
from tests.conftest import opened
from tests.pipeline.bench import APRIL, MARCH, NOON, PRICE, Bench, call, of
from tests.pipeline.fakes import Record

NEXT_YEAR = Price(datetime(2027, 1, 1, tzinfo=UTC), Decimal("0.20"))
HOUR = timedelta(hours=1)
TABLES = {
    "call": "id",
    "b2b_usage": "id",
    "quarantine": "id",
    "contradicting_call": "id",
    "call_metadata": "account, call_id, key",
    "pull_scope": "id",
}


@pytest.fixture
def read(either_bench: Bench) -> Bench:
    """Give a bench whose source has calls of every kind, which were pulled."""
    either_bench.clock.advance(days=40)
    either_bench.take(
        call("billed"),
        call("of globex", **of("globex")),
        call("unanswered", started_at=None),
        call("underway", status="in_progress", duration_seconds=None),
        call("of april", MARCH.end + HOUR),
        call("broken", seconds=-1),
    )
    return either_bench


def recognised(bench: Bench, rules: AccountRules | None = None) -> set[str]:
    """Name the calls that are recognised now."""
    window = Window(MARCH.start, MARCH.end + READ_AGAIN)
    marks = [m for page in bench.source.list_calls(window) for m in page.marks]
    recognise = recognition(bench.ledger, rules or bench.rules)
    return {*recognise(marks, bench.clock.now())}


UNDERSTOOD = {"billed", "of globex", "unanswered", "underway", "of april"}


def test_what_is_as_it_was_recorded_is_recognised(read: Bench) -> None:
    assert recognised(read) == UNDERSTOOD


def test_an_account_without_calls_has_nothing_to_recognise(bench: Bench) -> None:
    bench.source.calls.append(call("new"))
    assert recognised(bench) == set()


@pytest.mark.parametrize(
    "fields", [{"duration_seconds": 61}, {"transcript": "-"}, of("globex")]
)
def test_a_record_that_says_anything_else_is_read(
    read: Bench, fields: dict[str, Any]
) -> None:
    read.source.change("billed", **fields)
    assert recognised(read) == UNDERSTOOD - {"billed"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: replace(r, first_period=APRIL), id="first month"),
        pytest.param(lambda r: replace(r, times=TimeTolerance(7)), id="tolerance"),
        pytest.param(
            lambda r: replace(r, prices=PriceList([PRICE, NEXT_YEAR])), id="prices"
        ),
        pytest.param(
            lambda r: replace(r, account=replace(r.account, customer="globex")),
            id="whose calls are without a customer",
        ),
        pytest.param(
            lambda r: replace(
                r, account=replace(r.account, customer_metadata_key="client")
            ),
            id="where the customer is named",
        ),
        pytest.param(
            lambda r: replace(r, metadata=MetadataRule(["campaign"])), id="metadata"
        ),
    ],
)
def test_by_other_rules_every_call_is_read(
    read: Bench, change: Callable[[AccountRules], AccountRules]
) -> None:
    assert recognised(read, change(read.rules)) == set()


def test_the_calls_of_a_customer_who_left_are_read(read: Bench) -> None:
    rules = replace(read.rules, customers=frozenset({"acme"}))
    assert recognised(read, rules) == UNDERSTOOD - {"of globex"}
    joined = replace(read.rules, customers=read.rules.customers | {"initech"})
    assert recognised(read, joined) == UNDERSTOOD


def test_what_a_person_decided_is_read(read: Bench) -> None:
    decide(read, "broken")
    assert recognised(read) == UNDERSTOOD


def test_what_a_page_tells_in_two_ways_is_read(read: Bench) -> None:
    (mark,) = [m for m in marks(read) if m.call_id == "billed"]
    recognise = recognition(read.ledger, read.rules)
    now = read.clock.now()
    assert {*recognise([mark, mark], now)} == {"billed"}
    assert {*recognise([mark, mark._replace(sha256="0")], now)} == set()
    assert {*recognise([mark._replace(call_id=None)], now)} == set()


def test_before_a_call_starts_it_is_read(read: Bench) -> None:
    recognise = recognition(read.ledger, read.rules)
    early = recognise(marks(read), NOON - HOUR)
    assert {*early} == {"unanswered"}


def marks(bench: Bench) -> list[CallMark]:
    """Return what the source's records are known by."""
    (page,) = bench.source.list_calls(Window(MARCH.start, MARCH.end + READ_AGAIN))
    return list(page.marks)


def decide(bench: Bench, call_id: str) -> None:
    """Let a person say that a call was of five minutes."""
    order = DecisionOrder(call_id=call_id, seconds=300, reason="asked")
    now, first = bench.clock.now(), bench.first_period
    decide_call(bench.ledger, "kim", now, order, first_period=first)


@pytest.mark.parametrize("recognises", [True, False])
def test_an_unchanged_call_leaves_quarantine_when_it_is_itself_again(
    bench: Bench, recognises: bool
) -> None:
    record = call("c")
    bench.take(record)
    bench.source.change("c", duration_seconds=-1)
    assert bench.pull().quarantined == {"negative_duration": 1}
    bench.source.change("c", duration_seconds=60)
    assert pull(bench, rate_all=not recognises).billed == 1
    query = "SELECT count(*) FROM quarantine WHERE released_at IS NULL"
    assert bench.rows(query) == [(0,)]


def pull(bench: Bench, *, rate_all: bool, month: Any = MARCH) -> Certificate:
    """Pull a month, and rate what is unchanged, too, or not."""
    options = PullOptions(clock=bench.clock, actor="tests", rate_all=rate_all)
    return pull_usage(bench.ledger, bench.source, bench.rules, month, options=options)


@pytest.fixture
def second_ledger(sqlite_template: Path, tmp_path: Path) -> Iterator[Ledger]:
    """Give another migrated ledger."""
    file = tmp_path / "second.db"
    shutil.copy(sqlite_template, file)
    yield from opened(f"sqlite:///{file}")


class Story:
    """The same things happen to the calls of two ledgers, by a seed."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.chance = random.Random(seed)
        self.made = 0

    def go_on(self) -> None:
        """Let a few things happen."""
        for _ in range(self.chance.randrange(1, 6)):
            chosen = self.chance.choice(
                [self.add, self.add, self.change, self.change, self.say, self.pay]
            )
            chosen()
        self.bench.clock.advance(hours=self.chance.randrange(1, 30))

    def add(self) -> None:
        """Add a call, which may be broken, of nobody, or of another month."""
        self.made += 1
        hours = self.chance.randrange(-300, 700)
        more: Record = self.chance.choice(
            [
                {},
                of("globex"),
                of("initech"),
                {"duration_seconds": -1},
                {"started_at": None},
                {"status": "in_progress", "duration_seconds": None},
                {"ended_at": (NOON + 900 * HOUR).isoformat()},
            ]
        )
        at = NOON + timedelta(hours=hours)
        self.bench.source.calls.append(call(f"c{self.made}", at, **more))

    def change(self) -> None:
        """Let the source say something else of a call, or the same as long ago."""
        if self.bench.source.calls:
            record = self.chance.choice(self.bench.source.calls)
            said: Record = self.chance.choice(
                [
                    {"duration_seconds": self.chance.choice([60, 61, -1])},
                    {"status": "completed", "duration_seconds": 60},
                    {"summary": self.chance.choice(["a", "b"])},
                    of(self.chance.choice(["acme", "globex", "initech"])),
                    {"created_at": NOON.isoformat()},
                ]
            )
            record.update(said)

    def say(self) -> None:
        """Let a person decide on a call, if anything is to be decided."""
        try:
            decide(self.bench, f"c{self.chance.randrange(1, self.made + 2)}")
        except BadInput:
            return

    def pay(self) -> None:
        """Let the settings change."""
        rules = self.bench.rules
        self.bench.rules = self.chance.choice(
            [
                replace(rules, customers=frozenset({"acme"})),
                replace(rules, customers=frozenset({"acme", "globex"})),
                replace(rules, times=TimeTolerance(self.chance.choice([30, 3_600]))),
                replace(rules, metadata=MetadataRule()),
                replace(rules, metadata=MetadataRule()),
                replace(rules, metadata=MetadataRule(["customer"])),
            ]
        )


@pytest.mark.parametrize("seed", range(12))
def test_it_comes_to_the_same_whether_or_not_calls_are_recognised(
    sqlite_ledger: Ledger, second_ledger: Ledger, seed: int
) -> None:
    quick = Story(Bench(ledger=sqlite_ledger), seed)
    slow = Story(Bench(ledger=second_ledger), seed)
    known = 0
    for _ in range(12):
        found = []
        for story, rate_all in ((quick, False), (slow, True)):
            story.go_on()
            months = [MARCH, APRIL]
            found.append(
                [pull(story.bench, rate_all=rate_all, month=m) for m in months]
            )
        assert found[0] == found[1]
        known += len(recognised(quick.bench))
        for table, order in TABLES.items():
            query = f"SELECT * FROM {table} ORDER BY {order}"
            assert quick.bench.rows(query) == slow.bench.rows(query)
    assert known
