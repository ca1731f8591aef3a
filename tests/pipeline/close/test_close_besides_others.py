"""A close beside others: another process, another program, an account that changed."""

from collections.abc import Callable

import pytest

from billing.domain.account_identity import SourceIdentity
from billing.domain.close_obstacles import ObstacleKind
from billing.ledger.audit.audit_log import Actor
from billing.ledger.close.period_close import ClosedMonth, freeze
from billing.ledger.database import Ledger
from billing.pipeline.close import CloseReport, check_close
from tests.pipeline.adopt.test_shadow import RULE, ShadowBench
from tests.pipeline.bench import MARCH, Bench
from tests.pipeline.close.test_close import close, closes, kinds, send_march


def test_whoever_closes_the_month_while_it_is_read_has_closed_it(
    either_bench: Bench,
) -> None:
    bench = either_bench
    send_march(bench)
    by_another: list[ClosedMonth] = []

    def close_elsewhere() -> None:
        if by_another:
            return
        another = Actor("another", bench.clock.now())
        with bench.ledger.writing() as connection:
            by_another.append(freeze(connection, MARCH, another, run=7, reason=None))

    bench.source.between_pages = close_elsewhere
    report = close(bench)
    assert report == CloseReport(MARCH, by_another[0], already=True)
    assert [name for _, name, _ in closes(bench)] == ["another"]


def test_a_month_is_closed_from_the_very_moment_of_its_end(bench: Bench) -> None:
    bench.clock.advance(seconds=(MARCH.end - bench.clock.now()).total_seconds())
    assert close(bench).closed is not None


def test_an_account_that_became_another_keeps_a_month_open_by_its_name(
    bench: Bench,
) -> None:
    bench.cycle()
    send_march(bench)
    bench.source.identity = SourceIdentity("partner of somebody else", None)
    first, *others = close(bench).obstacles
    assert (first.kind, first.names) == (ObstacleKind.UNREADABLE, ("main",))
    assert "main" in first.found
    assert first.remedy == "see to that, then close again"
    assert ObstacleKind.NOT_PULLED in {obstacle.kind for obstacle in others}
    assert closes(bench) == []


def look(bench: ShadowBench) -> CloseReport:
    return check_close(
        bench.ledger,
        MARCH,
        ["main"],
        bench.clock.now(),
        first_period=MARCH,
        shadow=RULE,
    )


@pytest.mark.parametrize("ask", [look, close])
def test_who_is_in_shadow_keeps_a_month_open_and_nothing_is_read_for_it(
    sqlite_ledger: Ledger, ask: Callable[[ShadowBench], CloseReport]
) -> None:
    bench = ShadowBench(ledger=sqlite_ledger)
    send_march(bench)
    before = len(bench.source.requests)
    report = ask(bench)
    assert report.obstacles[0].kind is ObstacleKind.IN_SHADOW
    assert report.obstacles[0].names == ("acme", "globex")
    assert ObstacleKind.NOT_PULLED in kinds(report)
    assert len(bench.source.requests) == before
    assert closes(bench) == []
