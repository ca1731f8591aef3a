"""Answers of the Pamela API that are JSON, and still not what was promised."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from billing.domain.period import BillingPeriod, Window
from billing.errors import SourceUnreadable
from billing.gateways.pamela import PamelaUsage
from billing.ports import SourceTotals
from pamela import PamelaClient
from tests.sandbox.pamela.pamela_world import NOW

MARCH = BillingPeriod(2026, 3)


@contextmanager
def answering(body: str) -> Iterator[PamelaUsage]:
    """Give a source that answers everything with this body."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text=body)

    transport = httpx2.MockTransport(answer)
    client = PamelaClient("key", "https://pamela.example", transport=transport)
    source = PamelaUsage("main", client, sleep=lambda _: None)
    yield source
    source.close()


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"items": null, "total": 0, "has_more": false}',
        '{"items": {}, "total": 0, "has_more": false}',
        '{"items": [], "has_more": false}',
        '{"items": [], "total": "0", "has_more": false}',
        '{"items": [], "total": 0.0, "has_more": false}',
        '{"items": [], "total": true, "has_more": false}',
        '{"items": [], "total": 0}',
        '{"items": [], "total": 0, "has_more": "no"}',
        '{"items": [], "total": 0, "has_more": 0}',
        "[]",
        "null",
        '"text"',
        "",
        "\ufeff{}",
        "[" * 100_000,
    ],
)
def test_a_page_that_is_no_page_is_unreadable(body: str) -> None:
    with answering(body) as source, pytest.raises(SourceUnreadable):
        source.read_page(Window(MARCH.start, NOW), 0)


@pytest.mark.parametrize(
    ("body", "totals"),
    [
        ('{"call_count": 3, "billed_minutes": 7}', SourceTotals(3, 7)),
        ('{"call_count": null, "billed_minutes": 0}', SourceTotals(None, 0)),
        ("{}", SourceTotals(None, None)),
        ('{"call_count": 1.5, "billed_minutes": 7}', None),
        ('{"call_count": 1, "billed_minutes": "7"}', None),
        ('{"call_count": true, "billed_minutes": 7}', None),
    ],
)
def test_totals_are_whole_numbers_or_absent(
    body: str, totals: SourceTotals | None
) -> None:
    with answering(body) as source:
        if totals is not None:
            assert source.read_totals(MARCH) == totals
        else:
            with pytest.raises(SourceUnreadable, match="not a whole number"):
                source.read_totals(MARCH)


def test_records_of_a_page_are_passed_on_as_they_are() -> None:
    body = '{"items": [{"id": 1}, "text", null, 1e2], "total": 4, "has_more": false}'
    with answering(body) as source:
        page = source.read_page(Window(MARCH.start, NOW), 0)
    assert page.records[:3] == [{"id": 1}, "text", None]
    assert page.total == 4


@pytest.mark.parametrize("name", ["partner_id", "project_id"])
@pytest.mark.parametrize("value", ['""', "7", "[]", "true", '"a\\nb"', '"a b"'])
def test_an_identity_that_is_no_name_is_unreadable(name: str, value: str) -> None:
    with (
        answering(f'{{"{name}": {value}}}') as source,
        pytest.raises(SourceUnreadable, match=f"the usage's {name} is no name"),
    ):
        source.read_identity()
