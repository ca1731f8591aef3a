"""Pulls checked in the ledger: nothing vanishes, and no time is left out."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, select

from billing.domain.call import READ_AGAIN
from billing.domain.invariants import Invariant, Violation
from billing.ledger.integrity.scope import Scope
from billing.ledger.pull.pulls import RECENT
from billing.ledger.schema.tables import pull


def violations(scope: Scope) -> Iterator[Violation]:
    """Look at complete pulls: what each read, and the one that it went on from."""
    query = scope.pulls(_complete()).order_by(pull.c.id)
    for row in scope.connection.execute(query):
        name = f"pull {row.id} of {row.account}, {row.period},"
        reasons = json.loads(row.reasons)
        parts = {kind: sum(counts.values()) for kind, counts in reasons.items()}
        stated = {"not_billable": row.not_billable, "quarantined": row.quarantined}
        if row.fetched != row.billed + sum(stated.values()) or parts != stated:
            words = f"{name} fetched {row.fetched} calls; its parts add up to others"
            yield Violation(Invariant.PULLS, words)
        if row.scope == RECENT and (
            row.before is None or row.window_start > row.before - READ_AGAIN
        ):
            words = f"{name} leaves out what the one before it may not have seen"
            yield Violation(Invariant.OVERLAP, words)


@cache
def _complete() -> Select[Any]:
    before = pull.alias("before")
    went_on_from = (
        select(before.c.started_at)
        .where(
            before.c.account == pull.c.account,
            before.c.period == pull.c.period,
            before.c.state == "complete",
            before.c.id < pull.c.id,
        )
        .order_by(before.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(pull, went_on_from.label("before")).where(pull.c.state == "complete")
