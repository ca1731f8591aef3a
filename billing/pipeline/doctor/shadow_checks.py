"""Shadow, as `doctor` sees it: for how many days parity has held, and for whom."""

from collections.abc import Iterator, Sequence

from billing.domain.parity_sentences import (
    NOBODY_LEFT,
    REMOVE_THE_LINE,
    parity_complaints,
    parity_sentence,
    shadow_sentence,
)
from billing.domain.period import BillingPeriod
from billing.errors import SettingsFault
from billing.ledger.adopt.shadow import (
    ShadowRule,
    read_shadow,
    refuse_shadow_of_senders,
)
from billing.ledger.database import Ledger
from billing.ledger.queries.parity import read_verdict
from billing.pipeline.doctor.checks import Check, failed

NAME = "shadow"
_REMEDY = "find out who counts otherwise, and wait until parity holds before `adopt`"


def in_shadow(ledger: Ledger, rule: ShadowRule) -> list[str]:
    """Return whose meter is only read."""
    with ledger.reading() as connection:
        return read_shadow(connection, rule).among(rule.stripe_customers)


def check_shadow(
    ledger: Ledger, rule: ShadowRule, periods: Sequence[BillingPeriod]
) -> Iterator[Check]:
    """Say who is in shadow, and how parity stands; nothing is read from Stripe."""
    if not rule.is_on:
        return
    names = in_shadow(ledger, rule)
    with ledger.reading() as connection:
        try:
            refuse_shadow_of_senders(connection, rule)
        except SettingsFault as fault:
            yield failed(NAME, fault, REMOVE_THE_LINE)
            return
        verdict = read_verdict(connection, names, periods)
    if not names:
        yield Check(NAME, True, NOBODY_LEFT, REMOVE_THE_LINE)
        return
    yield Check(NAME, True, shadow_sentence(names))
    if not verdict.broken:
        yield Check("parity", True, parity_sentence(verdict))
    for sentence in parity_complaints(verdict):
        yield Check("parity", False, sentence, _REMEDY)
