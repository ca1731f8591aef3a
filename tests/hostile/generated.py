"""Generated answers: of Stripe's schema and Pamela's shapes, and spoilt at random."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import BillingError
from tests.gateways.scripted import serving
from tests.hostile.behaviours.documents import MOMENTS, NUMBERS
from tests.hostile.behaviours.talk import Asked
from tests.hostile.endpoints import ENDPOINTS, Endpoint
from tests.hostile.honest import HonestWorld, call
from tests.hostile.trials import Trial, ask, oddities

Strategy = st.SearchStrategy[Any]
SCHEMA = Path(__file__).with_name("stripe_meters_openapi.json")
MOST_PLACES = 3  # that are spoilt in one answer
# What the schema has a shape of, by the endpoint; each is a row of a list, or all.
ROWS = {
    "meters": "billing.meter",
    "summary of a month": "billing.meter_event_summary",
    "summary by the hour": "billing.meter_event_summary",
    "list of reports": "x.event.v1.billing.meter.error_report_triggered",
}
WHOLE = {
    "report": "x.event.v1.billing.meter.error_report_triggered",
    "event": "billing.meter_event",
    "cancellation": "billing.meter_event_adjustment",
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**62),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([each for each in NUMBERS if not isinstance(each, list | dict)]),
    st.sampled_from(MOMENTS),
    st.lists(st.none() | st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["id", "data", "x"]), st.none(), max_size=2),
)


@cache
def shapes() -> dict[str, Any]:
    """Return the schemas of Stripe's objects."""
    schemas: dict[str, Any] = json.loads(SCHEMA.read_text())["components"]["schemas"]
    return schemas


def by_schema(schema: dict[str, Any]) -> Strategy:
    """Return documents of a schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return st.deferred(lambda: by_schema(shapes()[name]))
    found = _plain(schema)
    return st.none() | found if schema.get("nullable") else found


def _plain(schema: dict[str, Any]) -> Strategy:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([by_schema(each) for each in schema["anyOf"]])
    match schema.get("type"):
        case "object":
            return _objects(schema)
        case "array":
            return st.lists(by_schema(schema.get("items", {})), max_size=3)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(0, 2 * 10**9)
        case "number":
            return st.integers(0, 10**9) | st.floats(0, 10**9)
        case "string":
            return st.text(max_size=30)
    return ODD


def _objects(schema: dict[str, Any]) -> Strategy:
    properties = schema.get("properties", {})
    parts = {name: by_schema(each) for name, each in properties.items()}
    required = {name: parts[name] for name in schema.get("required", parts)}
    optional = {name: each for name, each in parts.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def spoilt(draw: st.DrawFn, documents: Strategy) -> Any:
    """Return documents with something else in a few places."""
    document = draw(documents)
    for _ in range(draw(st.integers(0, MOST_PLACES))):
        document = _spoilt_once(draw, document)
    return document


def _spoilt_once(draw: st.DrawFn, part: Any) -> Any:
    if not isinstance(part, dict | list) or not part or not draw(st.integers(0, 5)):
        return draw(ODD)
    if isinstance(part, dict):
        key = draw(st.sampled_from(sorted(part)))
        return part | {key: _spoilt_once(draw, part[key])}
    place = draw(st.integers(0, len(part) - 1))
    return [*part[:place], _spoilt_once(draw, part[place]), *part[place + 1 :]]


def answers_of(endpoint: Endpoint, honest: Any) -> Strategy:
    """Return answers of an endpoint; `honest` is a good one."""
    if endpoint.name in ROWS:
        row = by_schema(shapes()[ROWS[endpoint.name]])
        good = st.just(honest["data"][0])
        rows = st.lists(good | row, max_size=3)
        return spoilt(rows.map(lambda data: honest | {"data": data}))
    if endpoint.name in WHOLE:
        shape = by_schema(shapes()[WHOLE[endpoint.name]])
        return spoilt(st.just(honest) | shape)
    if endpoint.name == "list of calls":
        names = st.lists(st.text(max_size=5) | st.just("call_1"), max_size=4)
        return spoilt(names.map(lambda each: honest | {"items": list(map(call, each))}))
    return spoilt(st.just(honest))


def try_generated(number: int, examples: int) -> Trial:
    """Give an endpoint so many generated answers; the first bad outcome is told."""
    endpoint = ENDPOINTS[number]
    world, spoilt_words = HonestWorld(), [""]

    def answer(path: str) -> object:
        place, _, query = path.partition("?")
        # The scripted server tells no method: what is sent has paths of its own.
        for method in ("POST", "GET"):
            asked = Asked(method=method, path=place, query=query, token="key")
            if endpoint.is_asked(asked):
                return spoilt_words[0]
        return world.answer(asked)

    with serving(answer) as server:

        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(answers_of(endpoint, _honest(endpoint)))
        def judge(document: Any) -> None:
            spoilt_words[0] = json.dumps(document)
            assert not list(oddities(_said(endpoint, server.url)))

        wrong = _failure(judge)
    return Trial(
        endpoint=endpoint.name,
        behaviour=f"gives {examples} generated answers",
        outcome="value" if wrong is None else "crash",
        seconds=0.0,
        wrong=wrong,
    )


def _said(endpoint: Endpoint, url: str) -> object:
    """Return the value that was read, or what our error says."""
    try:
        return ask(endpoint, url, "key")
    except BillingError as fault:
        return str(fault)


def _honest(endpoint: Endpoint) -> Any:
    """Return a good answer, by any path that the endpoint has."""
    path = endpoint.path.replace(".*", "").replace(".+", "evt_1")
    path = path.replace("[^/]+", "cus_acme")
    query = "start_time=1773144000&end_time=1773147600&customer=cus_acme"
    body = "timestamp=1773144000&payload[stripe_customer_id]=x&payload[value]=1"
    body += "&identifier=x&cancel[identifier]=x"
    asked = Asked(
        method=endpoint.method, path=path, query=query, token="key", body=body
    )
    return HonestWorld().answer(asked)


def _failure(judge: Callable[[], None]) -> str | None:
    try:
        judge()
    except Exception as fault:  # noqa: BLE001 # whatever comes is what is looked for
        notes = " ".join(getattr(fault, "__notes__", []))
        return f"{type(fault).__name__}: {fault} {notes}"[:3_000]
    return None
