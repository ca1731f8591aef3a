"""A reconciled month for tests: one customer with causes, or several with breaks."""

from dataclasses import replace

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.runs import Reconciliation
from tests.ledger.bookkeeping import MARCH, NOON

WHOLE = AccountFinding(
    account="main", usage_minutes=10, calls_minutes=10, complete=True
)
HALF = AccountFinding(
    account="main", usage_minutes=None, calls_minutes=10, complete=False
)
OFF = AccountFinding(account="main", usage_minutes=12, calls_minutes=10, complete=True)


def found(
    *causes: Cause, account: AccountFinding = WHOLE, quarantined: int = 0
) -> Reconciliation:
    """Reconcile one customer; each cause is a break of one minute."""
    breaks = tuple(
        Break(
            cause=cause, minutes=-1, amount_micro=-100_000, calls=("call_1",), hour=NOON
        )
        for cause in causes
    )
    stripe = 10 - len(breaks)
    settled = Cause.NOT_SETTLED not in causes
    customer = CustomerFinding(
        customer="acme",
        stripe_customer="cus_1",
        pamela_minutes=10,
        ledger_minutes=10,
        stripe_minutes=stripe,
        settled=settled,
        breaks=breaks,
    )
    return Reconciliation(
        period=MARCH,
        started_at=NOON,
        customers=(customer,),
        accounts=(account,),
        quarantined=quarantined,
    )


def with_breaks(**breaks: list[Break]) -> Reconciliation:
    """Reconcile customers with the breaks that are given for each."""
    [acme] = found().customers
    customers = [
        replace(
            acme,
            customer=name,
            stripe_minutes=10 + sum(item.minutes for item in items),
            breaks=tuple(items),
        )
        for name, items in breaks.items()
    ]
    return replace(found(), customers=tuple(customers))


def changed(call: str, minutes: int) -> Break:
    """Return a break of a call that Pamela has changed."""
    return Break(
        cause=Cause.CHANGED_CALL, minutes=minutes, amount_micro=0, calls=(call,)
    )
