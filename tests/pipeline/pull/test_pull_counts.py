"""A pull accounts for each call that it read, once, as it was read last."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.call import Call, NotBillable, QuarantineReason
from billing.domain.call_metadata import CallMetadata, Withheld
from billing.domain.period import BillingPeriod
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.pull.rated_call import RatedCall
from billing.pipeline.pull.day import PullCounts, PulledDay
from billing.ports import SourceTotals

FEBRUARY, MARCH = BillingPeriod(2026, 2), BillingPeriod(2026, 3)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TOTALS = SourceTotals(call_count=4, billed_minutes=9)


def rated(
    name: str,
    why: NotBillable | None = None,
    period: BillingPeriod = MARCH,
    at: datetime = NOON,
    withheld: tuple[Withheld, ...] = (),
) -> RatedCall:
    call = Call(
        account="main",
        call_id=name,
        status="completed",
        created_at=at,
        started_at=at,
        ended_at=at,
        duration_seconds=0,
        source_minutes=None,
        customer_key=None,
    )
    return RatedCall(
        call=call,
        period=period,
        extract_sha256="e",
        source_sha256="s",
        not_billable=why,
        due=None,
        price_date=None,
        minutes_gap=0,
        metadata=CallMetadata(withheld=withheld),
    )


def aside(name: str, reason: str = QuarantineReason.WRONG_TYPE) -> SetAside:
    return SetAside(
        account="main",
        call_id=name,
        reason=reason,
        detail="",
        source_sha256="s",
        period=MARCH,
    )


def counted(*days: list[RatedCall | SetAside]) -> PullCounts:
    counts = PullCounts(period=MARCH)
    for calls in days:
        day = PulledDay(pages=2)
        for call in calls:
            day.add(call)
        counts.add(day)
    return counts


def test_each_call_went_to_one_place() -> None:
    counts = counted(
        [rated("a"), rated("b", NotBillable.NEVER_CONNECTED), aside("c")],
        [rated("d"), aside("e", QuarantineReason.NO_ID)],
    )
    certificate = counts.certificate(TOTALS, 7, NOON)
    assert certificate.pages == 4
    assert certificate.billed == 2
    assert certificate.not_billable == {"never_connected": 1}
    assert certificate.quarantined == {"wrong_type": 1, "no_id": 1}
    assert certificate.fetched == 5
    assert (certificate.source_call_count, certificate.source_minutes) == (4, 9)
    assert (certificate.ledger_minutes, certificate.looked_back_to) == (7, NOON)


@pytest.mark.parametrize(
    ("first", "then", "place"),
    [
        (rated("a"), rated("a", NotBillable.UNDERWAY), "underway"),
        (rated("a", NotBillable.UNDERWAY), rated("a"), "billed"),
        (rated("a"), aside("a"), "quarantine"),
        (aside("a"), rated("a"), "billed"),
        (rated("a", period=FEBRUARY), rated("a"), "billed"),
        (rated("a"), rated("a", period=FEBRUARY), "other_month"),
        (rated("a", period=FEBRUARY), aside("a"), "quarantine"),
        (aside("a"), aside("a"), "quarantine"),
    ],
)
def test_a_call_that_is_read_again_counts_as_it_was_read_last(
    first: RatedCall | SetAside, then: RatedCall | SetAside, place: str
) -> None:
    counts = counted([first], [then])
    certificate = counts.certificate(TOTALS, 0)
    places = {"billed": certificate.billed, **certificate.not_billable}
    places["quarantine"] = sum(certificate.quarantined.values())
    assert {name: n for name, n in places.items() if n} == {place: 1}
    assert bool(certificate.passed_over) is (place == "other_month")
    assert certificate.fetched == 1


def test_what_was_met_is_known_whatever_became_of_it() -> None:
    counts = counted([rated("a"), aside("b")])
    assert ["a" in counts, "b" in counts, "c" in counts] == [True, True, False]
    assert counts.understood("a")
    assert not counts.understood("b")
    assert not counts.understood("c")


def test_calls_of_another_month_are_named_with_it() -> None:
    """Whether they are billed by us says whether that month is one of ours."""
    early = BillingPeriod(2026, 1)
    before = NotBillable.BEFORE_FIRST_PERIOD
    counts = counted(
        [
            rated("a", period=FEBRUARY, at=NOON - timedelta(days=20)),
            rated("b", period=FEBRUARY, at=NOON - timedelta(days=15)),
            rated("c", before, period=early, at=NOON - timedelta(days=50)),
            rated("d", before, period=MARCH),
            rated("e"),
        ]
    )
    certificate = counts.certificate(TOTALS, 0)
    february = certificate.passed_over["2026-02"]
    assert [*certificate.passed_over] == ["2026-01", "2026-02"]
    assert (february.calls, february.billed_here) == (2, True)
    assert february.first_at == NOON - timedelta(days=20)
    assert february.last_at == NOON - timedelta(days=15)
    assert not certificate.passed_over["2026-01"].billed_here
    assert certificate.not_billable == {"other_month": 3, "before_first_period": 1}
    assert certificate.of_period == 2


def test_metadata_that_is_not_kept_is_counted_by_its_reason() -> None:
    phone, unusable = Withheld.COULD_BE_PHONE, Withheld.UNUSABLE
    counts = counted(
        [rated("a", withheld=(phone, phone)), rated("b", withheld=(phone, unusable))]
    )
    withheld = counts.certificate(TOTALS, 0).withheld
    assert withheld == {"could_be_phone": 3, "unusable": 1}


def test_whom_a_person_had_decided_on_is_named_in_order() -> None:
    counts = counted([rated("b"), rated("a")])
    counts.overruled = {"b", "a"}
    assert counts.certificate(TOTALS, 0).overruled == ("a", "b")
