"""One request to the control surface: what is asked, by whom, and in which world."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from billing.sandbox.control.calls import ControlError
from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import Document
from billing.sandbox.pamela.errors import Refusal
from billing.sandbox.pamela.request import bearer
from billing.sandbox.world import Sandbox

Act = Callable[["ControlRequest"], Document | Awaitable[Document]]


@dataclass(frozen=True)
class ControlRequest:
    """One request to the control surface."""

    sandbox: Sandbox
    http: Request
    body: bytes

    def json(self) -> object:
        """Return the body; the standard library's reader keeps big and odd numbers."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ControlError(f"the body is not JSON: {error}") from error
        return value

    def document(self, *fields: str) -> Document:
        """Return the body as an object that has no other fields than these."""
        value = self.json()
        if not isinstance(value, dict) or not value.keys() <= set(fields):
            raise ControlError(f"an object with {', '.join(fields)} is expected")
        return value

    def account(self) -> Account:
        """Return the account whose API key is sent."""
        try:
            account = self.sandbox.pamela.account_of_key(bearer(self.http))
        except Refusal as refusal:
            raise ControlError(refusal.message, 401) from refusal
        if account is None:
            raise ControlError("no account has this API key", 401)
        return account
