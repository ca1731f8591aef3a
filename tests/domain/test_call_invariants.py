"""Invariants of one call: a sound history violates none, each change of it one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.call_invariants import (
    CallHistory,
    RatedRevision,
    UsageRow,
    judge_call,
)
from billing.domain.invariants import Invariant
from billing.domain.period import BillingPeriod
from billing.domain.posting import UsageType
from billing.domain.rating import Price, PriceList
from tests.domain.telling import NOON, tell

H = timedelta(hours=1)
MARCH, APRIL, MAY = (BillingPeriod(2026, month) for month in (3, 4, 5))
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = PriceList([Price(SINCE, Decimal("0.10"))])


def revision(number: int, seconds: int, **changes: Any) -> RatedRevision:
    call = tell(seconds=seconds)._replace(**changes)
    return RatedRevision(
        number=number, call=call, customer="acme", extract_sha256=call.digest()
    )


def row(number: int, minutes: int, **changes: Any) -> UsageRow:
    usual = UsageRow(
        id=number,
        type=UsageType.API_USAGE if number == 1 else UsageType.ADJUSTMENT,
        customer="acme",
        revision=number,
        period="2026-03",
        hour=NOON,
        call_hour=NOON,
        minutes=minutes,
        amount_micro=100_000 * minutes,
        currency="usd",
        priced_from=SINCE,
        corrects=None if number == 1 else 1,
    )
    return usual._replace(**changes)


# Of 61 seconds at first, then 200, then 30: 2 minutes, 4, 1.
SOUND = CallHistory(
    account="main",
    call_id="call_1",
    revisions=(revision(1, 61), revision(2, 200), revision(3, 30)),
    rows=(row(1, 2), row(2, 2), row(3, -3, corrects=2)),
)


def violated(
    history: CallHistory, closed: tuple[BillingPeriod, ...] = ()
) -> set[Invariant]:
    return {found.invariant for found in judge_call(history, PRICES, closed)}


def with_row(place: int, **changes: Any) -> CallHistory:
    rows = list(SOUND.rows)
    rows[place] = rows[place]._replace(**changes)
    return SOUND._replace(rows=tuple(rows))


def with_revision(place: int, **changes: Any) -> CallHistory:
    revisions = list(SOUND.revisions)
    revisions[place] = revisions[place]._replace(**changes)
    return SOUND._replace(revisions=tuple(revisions))


CHANGED: dict[str, tuple[CallHistory, set[Invariant]]] = {
    "nothing": (SOUND, set()),
    "a number left out": (
        with_revision(2, number=4)._replace(
            rows=(row(1, 2), row(2, 2), row(3, -3, revision=4))
        ),
        {Invariant.REVISIONS},
    ),
    "the first is missing": (
        SOUND._replace(revisions=(revision(2, 61),), rows=(row(1, 2, revision=2),)),
        {Invariant.REVISIONS},
    ),
    "nothing new": (
        SOUND._replace(revisions=(revision(1, 61), revision(2, 61)), rows=(row(1, 2),)),
        {Invariant.REVISIONS},
    ),
    "another extract": (
        with_revision(1, extract_sha256="0" * 64),
        {Invariant.EXTRACTS},
    ),
    "of a key that was read and is not kept": (
        with_revision(
            1,
            extract_sha256=tell(seconds=200)._replace(customer_key="acme").digest(),
        ),
        set(),
    ),
    "a row of no revision": (
        SOUND._replace(rows=(*SOUND.rows, row(4, 0, revision=9))),
        {Invariant.SOURCES},
    ),
    "a minute more at last": (with_row(2, minutes=-2), {Invariant.CONSERVATION}),
    "a micro-unit less at last": (
        with_row(2, amount_micro=-300_001),
        {Invariant.CONSERVATION},
    ),
    "a minute more meanwhile": (
        SOUND._replace(rows=(row(1, 2), row(2, 3), row(3, -4))),
        {Invariant.CORRECTIONS},
    ),
    "of another customer": (
        SOUND._replace(
            revisions=SOUND.revisions[:1], rows=(row(1, 2, customer="globex"),)
        ),
        {Invariant.ATTRIBUTION},
    ),
    "of another price": (
        with_row(0, priced_from=SINCE + H),
        {Invariant.CONSERVATION},
    ),
    "of another price, and never revised": (
        SOUND._replace(
            revisions=SOUND.revisions[:1], rows=(row(1, 2, priced_from=SINCE + H),)
        ),
        {Invariant.CONSERVATION},
    ),
    # What it takes back or adds may be of several prices.
    "a correction of another price": (with_row(1, priced_from=SINCE + H), set()),
    "in another currency": (with_row(0, currency="eur"), {Invariant.CONSERVATION}),
    "not at a whole hour": (
        with_row(1, hour=NOON + H / 2),
        {Invariant.ATTRIBUTION},
    ),
    "in another month than its hour": (
        with_row(1, period="2026-04"),
        {Invariant.ATTRIBUTION},
    ),
    "corrects nothing": (with_row(1, corrects=None), {Invariant.CORRECTIONS}),
    "corrects a later row": (with_row(1, corrects=3), {Invariant.CORRECTIONS}),
    "usage for the second time": (
        with_row(1, type=UsageType.API_USAGE),
        {Invariant.CORRECTIONS},
    ),
    "corrects at first": (with_row(0, corrects=7), {Invariant.CORRECTIONS}),
    "billable and nobody's": (
        with_revision(2, customer=None),
        {Invariant.CONSERVATION},
    ),
    "billed as it never connected": (
        SOUND._replace(
            revisions=(revision(1, 61, started_at=None),), rows=(row(1, 2),)
        ),
        {Invariant.CONSERVATION},
    ),
    "not connected and not billed": (
        SOUND._replace(revisions=(revision(1, 61, started_at=None),), rows=()),
        set(),
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_changed_in_a_sound_history_violates_an_invariant(name: str) -> None:
    history, invariants = CHANGED[name]
    assert violated(history) == invariants


def test_a_price_is_that_of_the_revision_that_a_row_bills() -> None:
    later = Price(NOON + H, Decimal("0.20"))
    prices = PriceList([Price(SINCE, Decimal("0.10")), later])
    moved = {"started_at": NOON + 2 * H, "ended_at": NOON + 3 * H}
    history = SOUND._replace(
        revisions=(revision(1, 61), revision(2, 61, **moved)),
        rows=(
            row(1, 2),
            row(2, -2),
            row(3, 2, revision=2, call_hour=NOON + 2 * H, hour=NOON + 2 * H)._replace(
                amount_micro=400_000, priced_from=later.effective_from
            ),
        ),
    )
    assert list(judge_call(history, prices, ())) == []


def test_a_wrong_sum_is_told_with_the_rows_that_hold_it() -> None:
    history = SOUND._replace(
        revisions=SOUND.revisions[:1],
        rows=(row(1, 2, customer="globex"), row(2, 0, revision=1, customer="globex")),
    )
    of_acme, of_globex = (found.words for found in judge_call(history, PRICES, ()))
    assert of_acme == (
        "call call_1 of main, revision 1, is 2 minutes and 200000 micro-units for acme "
        "in 2026-03-10T12Z; its rows (none) hold 0 minutes and 0 micro-units"
    )
    assert of_globex == (
        "call call_1 of main, revision 1, is 0 minutes and 0 micro-units for globex in "
        "2026-03-10T12Z; its rows (1, 2) hold 2 minutes and 200000 micro-units"
    )


@pytest.mark.parametrize(
    ("month", "closed", "is_right"),
    [
        (APRIL, (MARCH,), True),
        (APRIL, (), False),
        (MAY, (MARCH,), False),
        (MAY, (APRIL,), False),
        (MAY, (MARCH, APRIL), True),
        # The call's own month, in another hour; and a month before it.
        (MARCH, (MARCH,), False),
        (BillingPeriod(2026, 2), (MARCH,), False),
    ],
)
def test_a_row_is_carried_into_the_first_open_month_after_its_calls(
    month: BillingPeriod, closed: tuple[BillingPeriod, ...], is_right: bool
) -> None:
    carried = with_row(2, hour=month.start, period=str(month))
    assert violated(carried, closed) == (set() if is_right else {Invariant.ATTRIBUTION})


@pytest.mark.parametrize(
    ("was", "month", "is_right"),
    [(APRIL, MARCH, True), (MARCH, MARCH, False), (MARCH, APRIL, False)],
)
def test_a_call_is_dated_back_before_the_first_month_from_a_later_one(
    was: BillingPeriod, month: BillingPeriod, is_right: bool
) -> None:
    revisions = (
        revision(1, 61, started_at=was.start),
        revision(2, 62, started_at=month.start)._replace(before_first_period=True),
    )
    first = row(1, 2, hour=was.start, call_hour=was.start, period=str(was))
    taken_back = first._replace(
        id=2,
        type=UsageType.ADJUSTMENT,
        revision=2,
        minutes=-2,
        amount_micro=-200_000,
        corrects=1,
    )
    history = SOUND._replace(revisions=revisions, rows=(first, taken_back))
    assert violated(history) == (set() if is_right else {Invariant.REVISIONS})
    alone = history._replace(revisions=(revisions[1]._replace(number=1),), rows=())
    assert violated(alone) == {Invariant.REVISIONS}


def test_without_a_price_nothing_can_be_rated() -> None:
    found = list(judge_call(SOUND, PriceList([]), ()))
    assert [each.invariant for each in found] == [Invariant.CONSERVATION]
    assert "no price holds" in found[0].words
