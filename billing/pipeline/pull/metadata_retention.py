"""Metadata: erase what calls said, when it is old or when somebody asks for it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from billing.domain.suggestion import did_you_mean
from billing.errors import BadInput, UnknownName
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull.call_metadata import Erasure, erase, kept_keys
from billing.ledger.queries.usage_totals import known_customers


class ErasurePart(NamedTuple):
    """Which values of a key: a customer's, a call's, those of old calls, or all."""

    customer: str | None = None
    call_id: str | None = None
    age: timedelta | None = None


def erase_metadata(
    ledger: Ledger, who: tuple[str, datetime], key: str, part: ErasurePart, why: str
) -> int:
    """Erase values of a key for good; returns how many. Raises BadInput."""
    actor = Actor(*who)
    before = None if part.age is None else actor.at - part.age
    what = Erasure(key, part.customer, part.call_id, before)
    if not why.strip():
        raise BadInput("say why it is erased: --reason TEXT")
    with ledger.reading() as connection:
        known, kept = known_customers(connection), kept_keys(connection)
    if what.customer is not None and what.customer not in known:
        raise UnknownName("customer", what.customer, known, "the ledger knows")
    if what.key not in kept:
        names = ", ".join(kept) or "none"
        raise BadInput(
            f"no value of {what.key} is kept; of these keys are: {names}"
            f"{did_you_mean(key, kept)}"
        )
    return _erase(ledger, actor, what, why.strip())


def expire_metadata(ledger: Ledger, actor: Actor, days: int) -> int:
    """Erase the values of calls older than so many days; returns how many."""
    before = actor.at - timedelta(days=days)
    return _erase(ledger, actor, Erasure(before=before), f"kept for {days} days")


def _erase(ledger: Ledger, actor: Actor, what: Erasure, why: str) -> int:
    with ledger.writing() as connection:
        erased = erase(connection, actor, what, why)
    if erased:
        ledger.empty_log()
    return erased
