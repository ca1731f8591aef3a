"""A Stripe account: its keys, and a test and a live half that never mix."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from pydantic import TypeAdapter

from billing.sandbox.stripe.http.errors import unauthorized
from billing.sandbox.stripe.mode import Json, StripeMode
from billing.sandbox.stripe.rules import StripeRules
from billing.sandbox.stripe.state import ModeState
from billing.sandbox.stripe.truth import count_usage


@dataclass
class AccountState:
    """What an account remembers between two runs of the sandbox."""

    keys: dict[str, bool]
    test: ModeState = field(default_factory=ModeState)
    live: ModeState = field(default_factory=ModeState)


_STATE = TypeAdapter(AccountState)


class StripeAccount:
    """The stand-in for Stripe, without HTTP; `keys` says of a key if it is live."""

    def __init__(
        self, keys: Mapping[str, bool], rules: StripeRules | None = None
    ) -> None:
        self._open(AccountState(dict(keys)), rules or StripeRules())

    def _open(self, state: AccountState, rules: StripeRules) -> None:
        self.keys = state.keys
        self.rules = rules
        self.test = StripeMode(rules, livemode=False, state=state.test)
        self.live = StripeMode(rules, livemode=True, state=state.live)

    def mode(self, key: str | None) -> StripeMode:
        """Return the half that a secret key opens, or raise the 401."""
        livemode = self.keys.get(key or "")
        if livemode is None:
            raise unauthorized(key)
        return self.live if livemode else self.test

    def truth(
        self, event_name: str | None = None, *, now: datetime | None = None
    ) -> Json:
        """Return what was really counted, in both modes, and invoiced by a moment."""
        return {
            "test": count_usage(self.test, event_name, now),
            "live": count_usage(self.live, event_name, now),
        }

    def to_state(self) -> Json:
        """Return everything remembered as plain JSON values."""
        state = AccountState(dict(self.keys), self.test.state(), self.live.state())
        written: Json = _STATE.dump_python(state, mode="json")
        return written

    @classmethod
    def from_state(cls, state: Json, rules: StripeRules | None = None) -> Self:
        """Return the account that `to_state` wrote down."""
        account = cls({}, rules)
        account._open(_STATE.validate_python(state), account.rules)
        return account
