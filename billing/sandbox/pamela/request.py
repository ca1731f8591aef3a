"""One request to the sandbox's Pamela API: who asks, with what, and what is refused."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from fastapi import Request

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import STATUSES, Document, micros
from billing.sandbox.pamela.call_list import ENDLESS, ListQuery
from billing.sandbox.pamela.errors import Code, Refusal, invalid
from billing.sandbox.pamela.state import PamelaState

PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
USUAL_LIMIT = 50
MOST_ON_A_PAGE = 100


@dataclass(frozen=True)
class PamelaRequest:
    """A request that was let in: its account, its body and the moment."""

    state: PamelaState
    account: Account
    now: datetime
    http: Request
    body: bytes

    @property
    def name(self) -> str:
        """Return the id at the end of the path."""
        return str(self.http.path_params["name"])

    def document(self) -> Document:
        """Return the body as a JSON object; an empty body is an empty one."""
        try:
            document = orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError as error:
            raise invalid("The body is not JSON.") from error
        if not isinstance(document, dict):
            raise invalid("The body is not a JSON object.")
        return document

    def period(self) -> str:
        """Return the month asked for, by default the current one."""
        period = self.http.query_params.get("period")
        if period is None:
            return self.now.astimezone(UTC).strftime("%Y-%m")
        if not PERIOD.fullmatch(period):
            raise invalid("period has the form YYYY-MM.", period=period)
        return period

    def list_query(self) -> ListQuery:
        """Return the part of the list that is asked for."""
        params = self.http.query_params
        # Release 1.0.0 of the official SDK sends the filter as `status`.
        status = params.get("status_filter") or params.get("status")
        if status is not None and status not in STATUSES:
            raise invalid(f"status_filter is one of {STATUSES}.", 422, given=status)
        return ListQuery(
            offset=_number(params.get("offset"), "offset", 0, range(1 << 31)),
            limit=_number(
                params.get("limit"), "limit", USUAL_LIMIT, range(1, MOST_ON_A_PAGE + 1)
            ),
            status=status,
            start=_date(params.get("start_date"), "start_date", -ENDLESS),
            end=_date(params.get("end_date"), "end_date", ENDLESS),
        )


def account_with_key(state: PamelaState, request: Request, now: datetime) -> Account:
    """Return the account of the API key in the request, if it may be used now."""
    account = state.account_of_key(bearer(request))
    if account is None:
        raise Refusal(401, Code.KEY_INVALID)
    state.admit(account, now)
    refusal = account.subscription.refusal(now)
    if refusal is not None:
        raise Refusal(403, refusal)
    return account


def account_with_token(state: PamelaState, request: Request, now: datetime) -> Account:
    """Return the first account of the user whose token is in the request."""
    accounts = state.accounts_of_user(bearer(request))
    if not accounts:
        raise Refusal(401, Code.KEY_INVALID)
    state.admit(accounts[0], now)
    return accounts[0]


def bearer(request: Request) -> str:
    """Return what the request authorises itself with, or raise the 401."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Refusal(401, Code.KEY_REQUIRED)
    return secret.strip()


def _number(text: str | None, name: str, usual: int, allowed: range) -> int:
    if text is None:
        return usual
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number not in allowed:
        message = f"{name} is a number from {allowed.start} to {allowed.stop - 1}."
        raise invalid(message, 422, **{name: text})
    return number


def _date(text: str | None, name: str, usual: int) -> int:
    """Read an ISO 8601 date or time; a date is its UTC midnight, a naive time UTC."""
    if text is None:
        return usual
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError as error:
        message = f"{name} is an ISO 8601 date or time."
        raise invalid(message, 422, **{name: text}) from error
