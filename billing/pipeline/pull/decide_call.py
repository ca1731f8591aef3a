"""Deciding: a person says what a call comes to that its source leaves unclear."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from billing.domain.call import (
    DECIDED,
    LONGEST_CALL_SECONDS,
    NAMELESS,
    Call,
    NotBillable,
    QuarantineReason,
)
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge, charge_call
from billing.domain.rating import NoPrice, PriceList
from billing.errors import BadInput, UnknownName
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import call_decisions, unclear_calls
from billing.ledger.pull.accounts import present_labels
from billing.ledger.pull.call_decisions import Decision
from billing.ledger.pull.calls import PullContext
from billing.ledger.pull.rated_call import RatedCall
from billing.ledger.pull.unclear_calls import UnclearCall


class DecisionOrder(NamedTuple):
    """What a person orders: seconds, or None: it is not billed; and what they know."""

    call_id: str
    seconds: int | None
    reason: str
    account: str | None = None
    started_at: datetime | None = None
    customer: str | None = None


class DecisionReport(NamedTuple):
    """What was decided, and what the call was billed till then and is now."""

    decision: Decision
    before: Charge
    after: Charge


def decide_call(
    ledger: Ledger,
    who: str,
    now: datetime,
    order: DecisionOrder,
    *,
    first_period: BillingPeriod,
) -> DecisionReport:
    """Record what a call comes to, with its rows, all or nothing; raises BadInput.

    What is of a closed month is billed in the first open one, as a correction.
    """
    _check(order)
    with ledger.writing() as connection:
        unclear = _find(connection, order, now)
        account = unclear[-1].account
        before = call_decisions.charged(connection, account, order.call_id)
        call, customer = _decided(connection, order, unclear, now)
        if order.seconds is None:
            _refuse_reused(unclear, order, before)
        else:
            _refuse_twice(connection, call)
        rated = _rate(connection, call, customer, unclear[-1], first_period)
        context = PullContext(
            pull_id=unclear[-1].pull_id,
            at=now,
            currency=PriceList(registry.known_prices(connection)).currency,
            price_ids=registry.price_ids(connection),
            first_period=first_period,
        )
        decision = call_decisions.record_decision(
            connection,
            Actor(who, now),
            context,
            rated,
            unclear,
            reason=order.reason.strip(),
        )
        if decision is None:
            raise BadInput(
                f"call {order.call_id} is decided so already; "
                "`pamela-billing explain` says by whom"
            )
        after = call_decisions.charged(connection, account, order.call_id)
    return DecisionReport(decision, before, after)


def _check(order: DecisionOrder) -> None:
    if not order.reason.strip():
        raise BadInput("say why it is decided so: --reason TEXT")
    if order.seconds is None:
        return
    if not 0 <= order.seconds <= LONGEST_CALL_SECONDS:
        raise BadInput(
            f"a call lasts 0 to {LONGEST_CALL_SECONDS} seconds, not {order.seconds}"
        )
    if order.call_id.startswith(NAMELESS):
        raise BadInput(
            f"{order.call_id} has no id, so it would be billed twice once it gets one: "
            "decide --not-billable, and bill it by hand"
        )


def _find(
    connection: Any, order: DecisionOrder, now: datetime
) -> Sequence[UnclearCall]:
    """Return what makes a call unclear; raises BadInput for one that is not."""
    found = unclear_calls.unclear_calls(connection, now, call_id=order.call_id)
    known = {each.account for each in found}
    decided = call_decisions.decided_before(connection, order.call_id)
    found += [each for each in decided if each.account not in known]
    labels = present_labels(connection)
    accounts = {each.account: labels.get(each.account, each.account) for each in found}
    if order.account is not None:
        accounts = {
            name: label
            for name, label in accounts.items()
            if order.account in {name, label}
        }
    if not accounts:
        of = f" of {order.account}" if order.account else ""
        raise BadInput(
            f"call {order.call_id!a}{of} is not in quarantine, nor underway for more "
            "than a day; `pamela-billing quarantine` lists what can be decided"
        )
    if len(accounts) > 1:
        names = ", ".join(sorted(accounts.values()))
        raise BadInput(
            f"several accounts have a call {order.call_id}; give --account, one of "
            f"{names}"
        )
    return [each for each in found if each.account in accounts]


def _decided(
    connection: Any,
    order: DecisionOrder,
    unclear: Sequence[UnclearCall],
    now: datetime,
) -> tuple[Call, str | None]:
    """Return the call as it is decided, and who pays for it; raises BadInput."""
    newest = unclear[-1]
    read = unclear_calls.last_read(connection, newest.account, order.call_id)
    told = [each.created_at for each in unclear if each.created_at is not None]
    created_at = read.created_at or (told[-1] if told else None)
    started_at = customer = None
    if order.seconds is not None:
        started_at = order.started_at or newest.started_at or read.started_at
        if started_at is None:
            raise BadInput(
                f"nothing tells when call {order.call_id} began: say it with "
                "--started-at TIME"
            )
        if started_at > now:
            raise BadInput(
                f"call {order.call_id} would begin at {started_at:%Y-%m-%dT%H:%M:%SZ}, "
                "which is still to come: say when it began with --started-at TIME"
            )
        customer = _customer(connection, order, newest, read.customer)
    call = Call(
        account=newest.account,
        call_id=order.call_id,
        status=DECIDED,
        created_at=created_at,
        started_at=started_at,
        ended_at=None,
        duration_seconds=order.seconds,
        source_minutes=None,
        customer_key=customer,
    )
    return call, customer


def _customer(
    connection: Any, order: DecisionOrder, newest: UnclearCall, read: str | None
) -> str:
    names = registry.known_customers(connection)
    customer = order.customer or newest.customer or read
    if customer is None and newest.reason != QuarantineReason.UNKNOWN_CUSTOMER:
        customer = registry.only_customer(connection, newest.account)
    if customer is None:
        raise BadInput(
            f"nothing tells who pays for call {order.call_id}: say it with "
            "--customer NAME"
        )
    if customer not in names:
        raise UnknownName("customer", customer, names, "the ledger knows")
    return customer


def _refuse_reused(
    unclear: Sequence[UnclearCall], order: DecisionOrder, before: Charge
) -> None:
    """Refuse to take back what the first call of an id is billed, by mistake."""
    reused = any(each.reason == QuarantineReason.ID_REUSED for each in unclear)
    if reused and before.minutes:
        raise BadInput(
            f"the first call with the id {order.call_id} is billed "
            f"{before.minutes} minutes: say with --seconds what all calls of this id "
            "come to"
        )


def _refuse_twice(connection: Any, call: Call) -> None:
    """Refuse to bill a call that another account bills: it lists the same one."""
    other = call_decisions.billed_elsewhere(
        connection, call.account, call.call_id, call.created_at
    )
    if other is None:
        return
    unknown = ", and nothing tells that this is another one"
    raise BadInput(
        f"call {call.call_id} is billed under the account {other} already"
        f"{unknown if call.created_at is None else ''}: decide --not-billable here"
    )


def _rate(
    connection: Any,
    call: Call,
    customer: str | None,
    newest: UnclearCall,
    first_period: BillingPeriod,
) -> RatedCall:
    """Rate a decided call as any other; raises BadInput."""
    period = BillingPeriod.parse(newest.period)
    due = price_date = None
    if call.started_at is not None and customer is not None:
        period = BillingPeriod.of(call.started_at)
        if period < first_period:
            raise BadInput(
                f"call {call.call_id} began in {period}, before first_period "
                f"({first_period}) in the settings, so it is not billed here"
            )
        prices = PriceList(registry.known_prices(connection))
        try:
            due = charge_call(call, customer, prices)
            price_date = prices.at(call.started_at).effective_from
        except NoPrice as fault:
            raise BadInput(str(fault)) from None
    return RatedCall(
        call=call,
        period=period,
        extract_sha256=call.digest(),
        source_sha256=newest.source_sha256,
        not_billable=None if due else NotBillable.BY_DECISION,
        due=due,
        price_date=price_date,
        minutes_gap=0,
    )
