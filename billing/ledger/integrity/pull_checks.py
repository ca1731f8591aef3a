"""Pulls checked in the ledger: nothing vanishes, no time and no month is left out."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select

from billing.domain.call import READ_AGAIN
from billing.domain.invariants import Invariant, Violation
from billing.ledger.integrity.scope import Scope, chunks
from billing.ledger.pull.pulls import RECENT
from billing.ledger.schema.tables import call, pull, pull_scope
from billing.ledger.stored_json import read_stored


def violations(scope: Scope) -> Iterator[Violation]:
    """Look at complete pulls: what each read, and the one that it went on from."""
    query = scope.pulls(_complete()).order_by(pull.c.id)
    for row in scope.connection.execute(query):
        name = f"pull {row.id} of {row.account}, {row.period},"
        parts = read_stored(row.reasons, "a pull's list of reasons", _counted)
        stated = {"not_billable": row.not_billable, "quarantined": row.quarantined}
        if row.fetched != row.billed + sum(stated.values()) or parts != stated:
            words = f"{name} fetched {row.fetched} calls; its parts add up to others"
            yield Violation(Invariant.PULLS, words)
        if row.scope == RECENT and (
            row.before is None or row.window_start > row.before - READ_AGAIN
        ):
            words = f"{name} leaves out what the one before it may not have seen"
            yield Violation(Invariant.OVERLAP, words)
    yield from _passed_over(scope)


def _counted(reasons: Any) -> dict[str, int]:
    return {kind: sum(counts.values()) for kind, counts in reasons.items()}


def _passed_over(scope: Scope) -> Iterator[Violation]:
    """Count, of each month beside the one asked for, what the ledger has of it.

    Of the pulls of a month that met calls of another, the one that met the most stands
    for all: so the calls are read once.
    """
    most: dict[tuple[str, str, str], Row[Any]] = {}
    for row in scope.connection.execute(scope.pulls(_met())):
        key = row.account, row.period, row.month
        if key not in most or most[key].calls < row.calls:
            most[key] = row
    for part in chunks([row.id for row in most.values()]):
        for row in scope.connection.execute(_held(), {"scopes": part}):
            if row.held < row.calls:
                words = f"pull {row.pull_id} met {row.calls} calls of {row.month}, "
                words += f"of which the ledger has {row.held}"
                yield Violation(Invariant.PASSED_OVER, words)


@cache
def _met() -> Select[Any]:
    met = pull_scope.c
    return (
        select(met.id, met.period, met.month, met.calls, pull.c.account)
        .join(pull, pull.c.id == met.pull_id)
        .where(met.billed_here == 1, met.first_at.is_not(None))
    )


@cache
def _held() -> Select[Any]:
    """Ask what of a month the ledger has, between the first and the last call met."""
    met = pull_scope.c
    placed_at = func.coalesce(call.c.started_at, call.c.created_at)
    of_month = (call.c.account == pull.c.account) & (call.c.period == met.month)
    within = placed_at.between(met.first_at, met.last_at)
    joined = pull_scope.join(pull, pull.c.id == met.pull_id).outerjoin(
        call, of_month & within
    )
    held = func.count(func.distinct(call.c.call_id)).label("held")
    return (
        select(met.pull_id, met.month, met.calls, held)
        .select_from(joined)
        .where(met.id.in_(bindparam("scopes", expanding=True)))
        .group_by(met.id, met.pull_id, met.month, met.calls)
        .order_by(met.id)
    )


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
