"""A call that nobody can read is billed as a person decides, until it can be read."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.call import READ_AGAIN
from billing.domain.posting import Charge
from billing.errors import AlteredRows, BadInput
from billing.ledger.integrity.find_faults import find_faults
from billing.pipeline.pull.decide_call import (
    DecisionOrder,
    DecisionReport,
    decide_call,
)
from tests.ledger.integrity.sound_ledger import damage, disarm
from tests.pipeline.bench import MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import Record

DAY = timedelta(days=1)
POSTED = "SELECT type, billed_minutes, period, customer FROM b2b_usage ORDER BY id"
OPEN = "SELECT count(*) FROM quarantine WHERE released_at IS NULL"
DECIDED = "SELECT revision, seconds, evidence, actor, reason FROM call_decision"


def order(seconds: int | None = 300, call_id: str = "c", **more: Any) -> DecisionOrder:
    return DecisionOrder(call_id=call_id, seconds=seconds, **{"reason": "why"} | more)


def decide(bench: Bench, given: DecisionOrder) -> DecisionReport:
    first = bench.first_period
    return decide_call(
        bench.ledger, "kim", bench.clock.now(), given, first_period=first
    )


def faults(bench: Bench) -> list[str]:
    with bench.ledger.reading() as connection:
        found = find_faults(connection)
    return [words for several in found.values() for words in several]


def broken(**fields: object) -> Record:
    """Return a record of which nobody knows how long it was."""
    return call("c", seconds=None) | fields


@pytest.mark.parametrize(
    ("record", "seconds", "minutes"),
    [
        pytest.param(broken(), 300, {"acme": 5}, id="no duration"),
        pytest.param(broken(), 0, {"acme": 1}, id="of no seconds"),
        pytest.param(broken(), None, {}, id="not billed"),
        pytest.param(broken(duration_seconds="60"), 61, {"acme": 2}, id="wrong type"),
        pytest.param(broken() | of("globex"), 61, {"globex": 2}, id="its customer"),
        pytest.param(
            call("c", seconds=10**6), 86_400, {"acme": 1440}, id="absurd, and long"
        ),
    ],
)
def test_a_record_in_quarantine_is_billed_as_it_is_decided(
    bench: Bench, record: Record, seconds: int | None, minutes: dict[str, int]
) -> None:
    bench.take(record)
    assert bench.minutes() == {}
    report = decide(bench, order(seconds))
    assert bench.minutes() == minutes
    assert report.after.minutes == sum(minutes.values())
    [(revision, said, evidence, actor, reason)] = bench.rows(DECIDED)
    assert (revision, said, actor, reason) == (1, seconds, "kim", "why")
    assert "duration_seconds is" in evidence
    assert faults(bench) == []


def test_a_decision_holds_while_the_record_stays_as_it_is(bench: Bench) -> None:
    bench.take(broken())
    decide(bench, order())
    for _ in range(2):
        bench.clock.advance(hours=1)
        certificate = bench.pull()
        assert certificate.quarantined == {"no_duration": 1}
        assert certificate.overruled == ()
    assert bench.minutes() == {"acme": 5}
    assert bench.rows(OPEN) == [(1,)]


def test_a_later_decision_undoes_the_one_before(bench: Bench) -> None:
    bench.take(broken())
    for seconds, minutes in ((300, 5), (None, 0), (61, 2)):
        decide(bench, order(seconds))
        assert bench.minutes() == {"acme": minutes}
    assert [row[:2] for row in bench.rows(POSTED)] == [
        ("api_usage", 5),
        ("adjustment", -5),
        ("adjustment", 2),
    ]
    assert faults(bench) == []


@pytest.mark.parametrize("seconds", [300, None])
def test_what_can_be_read_later_overrules_a_decision_and_says_so(
    bench: Bench, seconds: int | None
) -> None:
    bench.take(broken())
    decide(bench, order(seconds))
    bench.source.change("c", duration_seconds=120)
    certificate = bench.pull()
    assert certificate.overruled == ("c",)
    assert bench.minutes() == {"acme": 2}
    assert bench.rows(OPEN) == [(0,)]
    with pytest.raises(BadInput, match="not in quarantine"):
        decide(bench, order(61))
    assert faults(bench) == []


@pytest.mark.parametrize(
    ("altered", "table"),
    [
        ("UPDATE call SET minutes_gap = 1", "call"),
        ("UPDATE b2b_usage SET billed_minutes = 1", "b2b_usage"),
    ],
)
def test_a_decision_corrects_nothing_that_was_altered(
    bench: Bench, altered: str, table: str
) -> None:
    bench.take(broken())
    decide(bench, order())
    disarm(bench.ledger)
    damage(bench.ledger, altered)
    posted = bench.rows(POSTED)
    with pytest.raises(AlteredRows, match=f"of {table}: not as the audit trail"):
        decide(bench, order(61))
    assert bench.rows(POSTED) == posted


def test_a_record_that_breaks_in_another_way_waits_for_a_person_again(
    bench: Bench,
) -> None:
    bench.take(broken())
    decide(bench, order())
    bench.source.change("c", duration_seconds=-1)
    bench.pull()
    report = bench.reconcile()
    assert report.quarantined == 1
    assert bench.minutes() == {"acme": 5}
    decide(bench, order(None))
    assert bench.reconcile().quarantined == 0
    assert bench.minutes() == {"acme": 0}


def test_what_was_billed_before_it_broke_is_corrected_as_decided(bench: Bench) -> None:
    bench.take(call("c", seconds=60))
    bench.source.change("c", duration_seconds=None)
    bench.pull()
    report = decide(bench, order(300))
    assert (report.before, report.after) == (Charge(1, 100_000), Charge(5, 500_000))
    assert [row[:2] for row in bench.rows(POSTED)] == [
        ("api_usage", 1),
        ("adjustment", 4),
    ]
    bench.source.change("c", duration_seconds=60)
    assert bench.pull().overruled == ("c",)
    assert bench.minutes() == {"acme": 1}


def test_a_call_that_never_ends_is_decided_after_a_day(bench: Bench) -> None:
    later = NOON + timedelta(hours=1)
    bench.take(call("c", later, seconds=None, status="in_progress"))
    with pytest.raises(BadInput, match="nor underway for more than a day"):
        decide(bench, order(60))
    bench.clock.advance(days=1)
    bench.pull()
    with pytest.raises(BadInput, match="say it with --customer NAME"):
        decide(bench, order(60))
    decide(bench, order(60, customer="acme"))
    for _ in range(2):
        bench.clock.advance(days=40)
        assert bench.pull().overruled == ()
        assert bench.minutes() == {"acme": 1}
    decide(bench, order(None))
    assert bench.minutes() == {"acme": 0}
    bench.source.change("c", status="completed", duration_seconds=600)
    assert bench.pull().overruled == ("c",)
    assert bench.minutes() == {"acme": 10}
    assert faults(bench) == []


@pytest.mark.parametrize("seconds", [30, 60, 600])
@pytest.mark.parametrize("record", [call("c", status="in_progress"), broken()])
def test_what_was_decided_hides_no_call_that_is_missing(
    bench: Bench, record: Record, seconds: int
) -> None:
    bench.take(record | {"duration_seconds": None})
    bench.clock.advance(days=2)
    decide(bench, order(seconds, customer="acme"))
    bench.pull()
    first = min(window.start for window, _ in bench.source.requests)
    assert first == MARCH.start - READ_AGAIN  # all ties, so nothing is searched for
    planned = call("planned", created_at=(NOON - 60 * DAY).isoformat())
    bench.source.calls.append(planned)
    bench.pull()
    billed = "SELECT period, billed_minutes FROM b2b_usage WHERE call_id = 'planned'"
    assert bench.rows(billed) == [("2026-03", 1)]


def test_what_is_of_a_closed_month_is_billed_in_the_next(bench: Bench) -> None:
    bench.take(broken())
    bench.clock.advance(days=30)
    bench.execute(
        "INSERT INTO period_close (period, closed_at, closed_by, digest) "
        f"VALUES ('2026-03', '{bench.clock.now().isoformat()}', 'kim', 'x')"
    )
    decide(bench, order(300))
    assert bench.rows(POSTED) == [("adjustment", 5, "2026-04", "acme")]


REUSED = {"created_at": (NOON + timedelta(minutes=5)).isoformat()}


def test_what_an_id_that_was_used_again_comes_to_is_said_in_all(bench: Bench) -> None:
    bench.take(call("c", seconds=60))
    bench.source.change("c", **REUSED, duration_seconds=600)
    bench.pull()
    assert bench.minutes() == {"acme": 1}
    with pytest.raises(BadInput, match="say with --seconds what all calls"):
        decide(bench, order(None))
    decide(bench, order(660))
    bench.pull()
    assert bench.minutes() == {"acme": 11}
    assert bench.reconcile().quarantined == 0


@pytest.mark.parametrize(
    ("record", "given", "words"),
    [
        (broken(), order(call_id="d"), "call 'd' is not in quarantine, nor"),
        (broken(), order(account="other"), "call 'c' of other is not in quarantine"),
        (call("c"), order(), "call 'c' is not in quarantine"),
        (broken(), order(reason="  "), "say why it is decided so: --reason TEXT"),
        (broken(), order(-1), "a call lasts 0 to 86400 seconds, not -1"),
        (broken(), order(86_401), "a call lasts 0 to 86400 seconds, not 86401"),
        (
            broken(started_at="yesterday"),
            order(),
            "nothing tells when call c began: say it with --started-at TIME",
        ),
        (
            broken() | of("who"),
            order(),
            "nothing tells who pays for call c: say it with --customer NAME",
        ),
        (broken(), order(customer="who"), "no customer who"),
        (
            call("c", started_at=(NOON + 30 * DAY).isoformat()),
            order(),
            "which is still to come: say when it began with --started-at TIME",
        ),
        (
            broken(),
            order(started_at=MARCH.start - DAY),
            "call c began in 2026-02, before first_period",
        ),
        (
            broken(),
            order(started_at=datetime(2019, 1, 1, tzinfo=NOON.tzinfo)),
            "before first_period",
        ),
    ],
)
def test_what_cannot_be_decided_is_said_and_changes_nothing(
    bench: Bench, record: Record, given: DecisionOrder, words: str
) -> None:
    bench.source.calls.append(record)
    bench.pull()
    before = bench.rows("SELECT count(*) FROM audit_event")
    with pytest.raises(BadInput, match=words):
        decide(bench, given)
    assert bench.rows(DECIDED) == []
    assert bench.rows("SELECT count(*) FROM audit_event") == before


def test_a_record_without_an_id_is_never_billed_by_decision(bench: Bench) -> None:
    bench.take(broken(id=None))
    [(name,)] = bench.rows("SELECT call_id FROM quarantine")
    with pytest.raises(BadInput, match="has no id, so it would be billed twice"):
        decide(bench, order(60, call_id=name))
    decide(bench, order(None, call_id=name))
    bench.pull()
    assert bench.reconcile().quarantined == 0


def test_the_same_is_not_decided_twice(bench: Bench) -> None:
    bench.take(broken())
    decide(bench, order())
    with pytest.raises(BadInput, match="call c is decided so already"):
        decide(bench, order())
