"""The word gate: no field of any answer brings a secret, a number or a control in."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.call import Call, accept_call
from billing.domain.call_metadata import MetadataRule
from billing.domain.held_secrets import HeldSecrets
from billing.domain.period import BillingPeriod, Window
from billing.domain.request_rates import Rates
from billing.errors import BillingError, SourceUnavailable
from billing.gateways.gated import GatedMeter, GatedUsage
from billing.gateways.pamela import connect_usage
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.meter import StripeMeter
from billing.gateways.word_gate import WordGate
from billing.ports import SourceCall
from billing.sandbox.world import METER, STRIPE_KEY
from tests.gateways.desk import FAST, HOUR, MeterDesk
from tests.gateways.forging import Forger, Place, forging
from tests.gateways.stripe.test_error_reports import reject
from tests.gateways.stripe.test_invoices import Shop
from tests.sandbox.pamela.pamela_world import NOW, World, connected

SECRET, NUMBER = "not-a-key-by-its-form-51", "+49 151 2345678"
FORBIDDEN = [SECRET, "2345678", "\x1b", "\x07", "\u202e", "\ud83d", "\0"]
CANARY = f"\x1b[31m{SECRET} {NUMBER} \u202e\x07\ud83d\0"
# No header holds a line end, nor what is not Latin.
IN_HEADERS = f"\x1b[31m{SECRET} {NUMBER}\x9b"
GATE = WordGate(HeldSecrets([("stripe.api_key", SECRET)]))
MARCH = BillingPeriod(2026, 3)
DAY = Window(NOW - timedelta(days=1), NOW)
HEADERS = (
    "Request-Id",
    "X-Request-Id",
    "Retry-After",
    "Date",
    "Location",
    "Content-Type",
    "Stripe-Should-Retry",
    "Idempotency-Key",
)
REFUSALS = (302, 400, 401, 403, 404, 409, 429, 500)
Reads = dict[str, Callable[[], object]]


def words_in(value: object) -> Iterator[str]:
    """Yield every text in a value, in whichever field."""
    if isinstance(value, SourceCall):
        yield from words_in(value.call)
        yield from words_in(used_of(value))
    elif isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from words_in(getattr(value, each.name))
    elif isinstance(value, dict):
        yield from words_in(list(value.items()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from words_in(part)


def used_of(told: SourceCall) -> object:
    """Return what is made of a call's metadata: its customer, and what is kept."""
    rule = MetadataRule(("campaign", "customer"))
    accepted: object = None
    if isinstance(told.call, Call):
        taken = accept_call(
            told.call, told.metadata, now=NOW, customer_metadata_key="customer"
        )
        # A customer that the settings do not name is only shown as an escape.
        accepted = taken
        if isinstance(taken, Call):
            accepted = taken._replace(customer_key=None)
    return accepted, rule.read(told.metadata, NOW, NOW).values


def told_by(read: Callable[[], object]) -> list[str]:
    """Return every text that a gateway's method hands out, or the fault's words."""
    try:
        return list(words_in(read()))
    except BillingError as fault:
        return [str(fault)]


def refuse_canaries(read: Callable[[], object], where: object) -> None:
    words = told_by(read)
    assert not [(where, word) for word in words for bad in FORBIDDEN if bad in word]


@pytest.fixture
def usage_reads(world: World, forger: Forger) -> Iterator[Reads]:
    """Give what is asked of Pamela, of a world in which all of it has an answer."""
    tagged = {"metadata": {"campaign": "spring", "customer": "acme", "x": ["y"]}}
    calls = [connected(f"c{n}", NOW - n * HOUR) | tagged for n in (1, 2)]
    world.add(*calls)
    key = world.account.api_key
    source = connect_usage("main", key, forger.url, sleep=lambda _: None)
    usage = GatedUsage(source, GATE)
    yield {
        "identity": usage.read_identity,
        "list": lambda: list(usage.list_calls(DAY)),
        "call": lambda: usage.get_call("c1"),
        "totals": lambda: usage.read_totals(MARCH),
        "time": usage.server_time,
    }
    usage.close()


@pytest.fixture
def meter_reads(desk: MeterDesk, forger: Forger) -> Iterator[Reads]:
    """Give what is asked of Stripe, of a world in which all of it has an answer."""
    shop = Shop(desk)
    shop.subscribe(MARCH.start)
    shop.use(NOW - HOUR, "5")
    reject(desk, 0)
    desk.world.advance(days=22)
    inner = StripeMeter(
        STRIPE_KEY,
        METER,
        base_url=forger.url,
        pace=Pace(Rates.alike(FAST)),
        sleep=lambda _: None,
    )
    meter = GatedMeter(inner, GATE)
    month = Window(MARCH.start, MARCH.end)
    sent = desk.event(sequence=2)
    yield {
        "meter": meter.describe,
        "customer": lambda: meter.has_customer(shop.customer),
        "send": lambda: meter.send(sent, "k2", lambda: True),
        "cancel": lambda: meter.cancel(sent, "k3", lambda: True),
        "total": lambda: meter.read_total(shop.customer, month),
        "hours": lambda: meter.read_hours(shop.customer, month),
        "reports": lambda: meter.error_reports(NOW - timedelta(hours=1)),
        "invoices": lambda: meter.read_invoices(shop.customer, month),
        "subscriptions": lambda: meter.read_subscriptions(shop.customer),
    }
    meter.close()


@pytest.fixture
def forger(world: World) -> Iterator[Forger]:
    """Stand in front of the sandbox."""
    with forging(world.url) as forger:
        yield forger


def fields_of(forger: Forger, reads: Reads) -> list[tuple[Place, str]]:
    """Return each field of each answer, with the name of what asks for it."""
    found = []
    for name, read in reads.items():
        forger.seen.clear()
        read()
        found += [(place, name) for place in sorted(forger.seen)]
    return found


@pytest.mark.parametrize("side", ["usage_reads", "meter_reads"])
def test_no_field_of_any_answer_brings_a_canary_in(
    side: str, forger: Forger, request: pytest.FixtureRequest
) -> None:
    reads: Reads = request.getfixturevalue(side)
    places = fields_of(forger, reads)
    assert len({place for place, _ in places}) > 30
    assert {name for _, name in places} | {"time"} >= set(reads)
    forger.text = CANARY
    for place, name in places:
        forger.target = place
        refuse_canaries(reads[name], place)


def refusals(status: int) -> dict[str, str]:
    """Word a refusal as both APIs do, and as neither does."""
    word = CANARY
    error: dict[str, Any] = dict.fromkeys(
        ("message", "code", "param", "decline_code", "doc_url", "request_log_url"), word
    )
    kind = {400: "invalid_request_error", 402: "card_error"}.get(status, "api_error")
    detail = {"message": word, "error_code": word, "details": {"retry_after": word}}
    return {
        "of Stripe": json.dumps({"error": {**error, "type": kind}}),
        "of a kind that nobody knows": json.dumps({"error": {**error, "type": word}}),
        "of Pamela": json.dumps({"detail": detail}),
        "of Pamela's fields": json.dumps(
            {"detail": [{"loc": ["body", word], "msg": word, "type": word}]}
        ),
        "a text in JSON": json.dumps(word),
        "no JSON": f"<html>{SECRET} {NUMBER} \x1b[2J\x07</html>",
    }


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("side", ["usage_reads", "meter_reads"])
def test_no_refusal_brings_a_canary_in(
    side: str, status: int, forger: Forger, request: pytest.FixtureRequest
) -> None:
    reads: Reads = request.getfixturevalue(side)
    for how, body in refusals(status).items():
        forger.refusal = status, body
        for name, read in reads.items():
            refuse_canaries(read, (how, name))


@pytest.mark.parametrize("status", [None, 400, 429, 503])
@pytest.mark.parametrize("side", ["usage_reads", "meter_reads"])
def test_no_header_brings_a_canary_in(
    side: str, status: int | None, forger: Forger, request: pytest.FixtureRequest
) -> None:
    reads: Reads = request.getfixturevalue(side)
    if status is not None:
        forger.refusal = status, '{"error": {"message": "no"}}'
    forger.headers = dict.fromkeys(HEADERS, IN_HEADERS)
    for name, read in reads.items():
        refuse_canaries(read, name)


@pytest.mark.parametrize("side", ["usage_reads", "meter_reads"])
def test_no_part_of_a_secret_is_left_where_words_are_cut(
    side: str, forger: Forger, request: pytest.FixtureRequest
) -> None:
    reads: Reads = request.getfixturevalue(side)
    name = "identity" if side == "usage_reads" else "send"
    for before in (*range(165, 200, 8), *range(465, 500, 8), *range(965, 1_000, 8)):
        said = {"message": f"{'x' * before} {SECRET}", "type": "invalid_request_error"}
        forger.refusal = 400, json.dumps({"error": said})
        assert not [word for word in told_by(reads[name]) if SECRET[:6] in word]


@pytest.mark.parametrize("name", ["Request-Id", "Content-Encoding", "Location"])
@pytest.mark.parametrize("side", ["usage_reads", "meter_reads"])
def test_no_part_of_a_secret_is_left_where_a_header_is_cut(
    side: str, name: str, forger: Forger, request: pytest.FixtureRequest
) -> None:
    reads: Reads = request.getfixturevalue(side)
    read = reads["identity" if side == "usage_reads" else "send"]
    if name == "Location":
        forger.refusal = 302, "{}"
    for before in (20, 30, 180, 190, 240, 250):
        forger.headers = {name: "x" * before + SECRET}
        assert not [word for word in told_by(read) if SECRET[:4] in word]


def test_a_fault_keeps_its_kind_and_what_it_asks_for() -> None:
    with pytest.raises(SourceUnavailable) as caught, GATE.faults():
        raise SourceUnavailable("main", CANARY, retry_after=7)
    fault = caught.value
    assert (fault.kind, fault.retry_after) == ("SourceUnavailable", 7)
    assert str(fault).startswith("Pamela, account main: ")
    assert r"\x1b[31m(the secret stripe.api_key) (withheld" in str(fault)


def test_every_name_and_value_of_what_is_told_passes_the_gate() -> None:
    named = GATE.value({CANARY: [CANARY, (CANARY, 7)], "fine": CANARY})
    words = list(words_in(named))
    assert len(words) >= 5
    assert not [word for word in words if SECRET in word or "\x1b" in word]


def test_what_does_no_harm_passes_as_the_same_thing(desk: MeterDesk) -> None:
    event = desk.event()
    for value in (event, (event, [1, None]), {"a": event}, NOW, True, "word"):
        assert GATE.value(value) == value
    assert GATE.value(event) is event
    answer = desk.send()
    assert GATE.value(answer) is answer


def test_a_call_under_the_name_of_a_secret_is_set_aside(world: World) -> None:
    world.add(connected(SECRET, NOW - timedelta(hours=1)))
    key = world.account.api_key
    source = connect_usage("main", key, world.url, sleep=lambda _: None)
    [[told]] = GatedUsage(source, GATE).list_calls(DAY)
    assert told.call.call_id is None
    assert "id holds the secret stripe.api_key" in list(words_in(told))
    source.close()
