"""The Pamela API as a source: what is read, what is tried again, what is an error."""

from datetime import timedelta

import pytest

from billing.domain.account_identity import SourceIdentity
from billing.domain.call import Call
from billing.domain.period import BillingPeriod, Window
from billing.errors import (
    SettingsFault,
    SourceFault,
    SourceRefused,
    SourceUnavailable,
    SourceUnreadable,
)
from billing.gateways.pamela import PamelaUsage, connect_usage
from billing.ports import SourceTotals
from billing.sandbox.faults import Fault, FaultKind
from pamela import PamelaClient
from tests.sandbox.pamela.pamela_world import NOW, World, connected

DAY = Window(NOW - timedelta(days=1), NOW)
MARCH = BillingPeriod(2026, 3)
LIST = "pamela.calls.list"


def strike(world: World, *faults: Fault) -> None:
    """Put faults in force."""
    world.sandbox.faults.replace_all(list(faults))


def add_calls(world: World, number: int) -> list[str]:
    """Add calls a minute apart, the newest first."""
    calls = [
        connected(f"c{n:03}", NOW - timedelta(minutes=n + 1), 90) for n in range(number)
    ]
    return world.add(*calls)


def test_a_page_of_a_window_is_read_newest_first(
    world: World, usage: PamelaUsage
) -> None:
    ids = add_calls(world, 130)
    page = usage.read_page(DAY, 100)
    ids_read = [record["id"] for record in page.records if isinstance(record, dict)]
    assert ids_read == ids[100:]
    assert (page.total, page.has_more) == (130, False)
    assert usage.read_page(DAY, 0).has_more


def test_windows_side_by_side_miss_no_call_between_them(
    world: World, usage: PamelaUsage
) -> None:
    edge = NOW - timedelta(hours=1)
    ticks = [-1, 0, 1]
    for tick in ticks:
        moment = edge + timedelta(microseconds=tick)
        record = connected(f"t{tick}", edge, 60) | {"created_at": moment.isoformat()}
        world.add(record)
    ids = set()
    for window in (Window(DAY.start, edge), Window(edge, NOW)):
        page = usage.read_page(window, 0)
        ids |= {str(r["id"]) for r in page.records if isinstance(r, dict)}
    assert ids == {f"t{tick}" for tick in ticks}


def test_a_call_is_read_by_its_id(world: World, usage: PamelaUsage) -> None:
    add_calls(world, 1)
    told = usage.get_call("c000")
    assert told is not None
    assert isinstance(told.call, Call)
    assert told.call.duration_seconds == 90
    assert usage.get_call("c999") is None


def test_the_totals_of_a_month_are_read(world: World, usage: PamelaUsage) -> None:
    add_calls(world, 3)
    whose = SourceIdentity("partner_sandbox", None)
    assert usage.read_totals(MARCH) == SourceTotals(3, 6, whose)


def test_the_server_tells_its_time(world: World, usage: PamelaUsage) -> None:
    assert usage.account == "main"
    time = usage.server_time()
    assert time is None or abs(time - NOW) < timedelta(seconds=60)


WAITS = [1, 2, 4]
FAULTS: list[tuple[FaultKind, str, type[SourceFault], list[int]]] = [
    (FaultKind.ERROR_500, "", SourceUnavailable, WAITS),
    (FaultKind.ERROR_503, "", SourceUnavailable, WAITS),
    (FaultKind.DROP_BEFORE, "", SourceUnavailable, WAITS),
    (FaultKind.DROP_AFTER, "", SourceUnavailable, WAITS),
    (FaultKind.RATE_LIMIT, "", SourceUnavailable, WAITS),
    (FaultKind.HTML, "", SourceUnreadable, []),
    (FaultKind.MALFORMED, "", SourceUnreadable, []),
    (FaultKind.HUGE, str(200_000_000), SourceUnreadable, []),
    (FaultKind.REDIRECT, "", SourceUnreadable, []),
    (FaultKind.UNAUTHORIZED, "", SourceRefused, []),
    (FaultKind.FORBIDDEN, "1005", SourceRefused, []),
    (FaultKind.FORBIDDEN, "7008", SourceRefused, []),
]


@pytest.mark.parametrize(("kind", "detail", "error", "waits"), FAULTS)
def test_a_fault_that_lasts_is_an_error_of_its_class(
    world: World,
    usage: PamelaUsage,
    slept: list[float],
    kind: FaultKind,
    detail: str,
    error: type[SourceFault],
    waits: list[int],
) -> None:
    strike(world, Fault(kind=kind, endpoint="pamela.*", detail=detail))
    for read in (
        lambda: usage.read_page(DAY, 0),
        lambda: usage.get_call("c000"),
        lambda: usage.read_totals(MARCH),
    ):
        slept.clear()
        with pytest.raises(error) as caught:
            read()
        assert caught.value.kind == error.__name__
        assert slept == waits
        assert "main" in str(caught.value)
        assert world.account.api_key not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (FaultKind.UNAUTHORIZED, "check the settings"),
        (FaultKind.FORBIDDEN, "the month stays incomplete until it is renewed"),
        (FaultKind.HTML, "an unreadable answer"),
        (FaultKind.ERROR_503, "HTTP 503"),
    ],
)
def test_an_error_says_what_to_do(
    world: World, usage: PamelaUsage, kind: FaultKind, words: str
) -> None:
    strike(world, Fault(kind=kind, endpoint=LIST))
    with pytest.raises(SourceFault, match=words):
        usage.read_page(DAY, 0)


@pytest.mark.parametrize("kind", [kind for kind, _, _, waits in FAULTS if waits])
def test_a_fault_that_passes_is_read_through(
    world: World, usage: PamelaUsage, slept: list[float], kind: FaultKind
) -> None:
    add_calls(world, 2)
    strike(world, Fault(kind=kind, endpoint=LIST, count=3))
    assert usage.read_page(DAY, 0).total == 2
    assert slept == WAITS


def test_a_redirect_is_not_followed(world: World, usage: PamelaUsage) -> None:
    strike(
        world,
        Fault(kind=FaultKind.REDIRECT, endpoint=LIST, detail=f"{world.url}/elsewhere"),
    )
    with pytest.raises(SourceUnreadable):
        usage.read_page(DAY, 0)
    assert world.sandbox.pamela_log.seen == 1


def test_an_answer_that_takes_too_long_is_no_answer(world: World) -> None:
    client = PamelaClient(world.account.api_key, world.url, timeout=0.05)
    source = PamelaUsage("main", client, sleep=lambda _: None)
    strike(world, Fault(kind=FaultKind.LATENCY, endpoint=LIST, detail="300"))
    try:
        with pytest.raises(SourceUnavailable, match="no answer"):
            source.read_page(DAY, 0)
    finally:
        source.close()


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("", None),
        ("two words", None),
        ("k", "ftp://host"),
        ("k", "http://host.example"),
    ],
)
def test_a_key_or_address_of_no_use_is_a_fault_of_the_settings(
    key: str, url: str | None
) -> None:
    with pytest.raises(SettingsFault, match=r"accounts\.main"):
        connect_usage("main", key, url, sleep=lambda _: None)
