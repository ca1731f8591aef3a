"""The truth about Pamela's minutes, computed apart from the API's running totals."""

from collections.abc import Mapping
from datetime import datetime

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import (
    TERMINAL,
    Document,
    micros,
    read_json,
    read_moment,
)
from billing.sandbox.pamela.state import PamelaState


def pamela_truth(state: PamelaState, now: datetime) -> dict[str, Document]:
    """Return, per account and month of the start, the minutes that are owed by now.

    Counted anew from what the API shows of each call; `customers` are the names that
    the calls' metadata give, else the account's default customer.
    """
    with state.lock:
        return {
            account.name: _account_truth(account, now) for account in state.accounts
        }


def _account_truth(account: Account, now: datetime) -> Document:
    account.call_list.show_at(micros(now))
    months: dict[str, dict[str, list[int]]] = {}
    for body in account.call_list.visible():
        call = read_json(body)
        started = read_moment(call.get("started_at"))
        seconds = call.get("duration_seconds")
        if started is None or call.get("status") not in TERMINAL:
            continue
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            continue
        whole, rest = divmod(seconds, 60)
        minutes = whole + 1 if rest or not whole else whole
        month = months.setdefault(started.isoformat()[:7], {})
        month.setdefault(_customer(account, call), []).append(minutes)
    return {
        "calls": len(account.call_list),
        "months": {month: _month(months[month]) for month in sorted(months)},
    }


def _customer(account: Account, call: Document) -> str:
    metadata = call.get("metadata")
    named = None
    if account.customer_key is not None and isinstance(metadata, Mapping):
        named = metadata.get(account.customer_key)
    return str(named or account.default_customer or "")


def _month(customers: dict[str, list[int]]) -> Document:
    return {
        "billed_calls": sum(map(len, customers.values())),
        "billed_minutes": sum(map(sum, customers.values())),
        "customers": {name: sum(customers[name]) for name in sorted(customers)},
    }
