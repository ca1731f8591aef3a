"""Parity in sentences: for whom nothing is sent, and how parity stands."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.parity import (
    CustomerParity,
    DayParity,
    HourParity,
    ParityCause,
    ParityShare,
    ParityVerdict,
)
from billing.domain.parity_sentences import (
    parity_complaints,
    parity_sentence,
    shadow_sentence,
    taken_over_sentence,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MISSING = ParityShare(ParityCause.MISSING_CALLS, -1_230)
MOVED = ParityShare(ParityCause.OTHER_HOUR, -5)
UNKNOWN = ParityShare(ParityCause.UNKNOWN_CALLS, 7)


def customer(
    name: str, *days: tuple[ParityShare, ...], settled: bool = True
) -> CustomerParity:
    """Return a customer of 2,000 minutes a day, whose days have these differences."""
    each = [
        DayParity(
            customer=name,
            day=(NOON + number * DAY).date(),
            settled=settled,
            hours=(
                HourParity(
                    customer=name,
                    hour=NOON + number * DAY,
                    ours=2_000,
                    meter=2_000 + sum(share.minutes for share in shares),
                    shares=shares,
                ),
            ),
        )
        for number, shares in enumerate(days)
    ]
    return CustomerParity(name, NOON + 30 * DAY, tuple(each))


HOLDS = customer("acme", (), (MOVED,))
BROKEN = customer("globex", (), (MISSING, MOVED, UNKNOWN))
NOT_KNOWN = "Parity is not known yet: no day with minutes is over and settled"


@pytest.mark.parametrize(
    ("customers", "unread", "sentence"),
    [
        ([], [], NOT_KNOWN),
        ([customer("acme")], [], NOT_KNOWN),
        ([customer("acme", (), settled=False)], [], NOT_KNOWN),
        ([customer("acme", ())], [], "Parity has held for 1 day with minutes"),
        ([HOLDS], [], "Parity has held for 2 days with minutes"),
        (
            [customer("acme", *[()] * 1_000)],
            [],
            "Parity has held for 1,000 days with minutes",
        ),
        ([HOLDS, BROKEN], [], "Parity is broken for globex"),
        ([BROKEN, customer("x", (MISSING,))], [], "Parity is broken for globex, x"),
        # What was not read says nothing, whatever the others say.
        ([HOLDS], ["new"], "Parity is not known: the meter of new was not read"),
        ([BROKEN], ["a", "b"], "Parity is not known: the meter of a, b was not read"),
    ],
)  # fmt: skip
def test_how_parity_stands_is_said_in_one_sentence(
    customers: list[CustomerParity], unread: list[str], sentence: str
) -> None:
    verdict = ParityVerdict(tuple(customers), unread=tuple(unread))
    assert parity_sentence(verdict) == sentence


def test_only_who_is_broken_is_complained_of_and_only_by_what_breaks_parity() -> None:
    assert list(parity_complaints(ParityVerdict((HOLDS,)))) == []
    (complaint,) = parity_complaints(ParityVerdict((HOLDS, BROKEN)))
    assert complaint == (
        "globex: parity is broken: on 2026-03-11 its meter shows 772 minutes, and "
        "2,000 are rated here (-1,230 missing_calls, +7 unknown_calls); see "
        "`pamela-billing report parity 2026-03 --customer globex`"
    )


def test_who_is_in_shadow_and_who_is_sent_all_the_same_is_named() -> None:
    assert shadow_sentence(["acme", "globex"]) == (
        "In shadow: nothing is sent for acme, globex, whose meter another program "
        "feeds; `pamela-billing adopt` takes a meter over"
    )
    assert taken_over_sentence(["acme"]) == ("Taken over, and sent all the same: acme")
