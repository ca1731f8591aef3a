"""The sandbox's Pamela without HTTP: accounts, their calls and tools, and the truth."""

import random
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing.sandbox.distance import Distance
from billing.sandbox.pamela.accounts import Account, ApiKey, digest_of
from billing.sandbox.pamela.call import Call, Document, FilteredBy, micros, written
from billing.sandbox.pamela.call_list import ListQuery, Page
from billing.sandbox.pamela.errors import Code, Refusal, too_many_requests
from billing.sandbox.pamela.webhooks.webhooks import Webhooks
from billing.sandbox.signed_delivery import Delivery, Reply


class PamelaState:
    """Everything this Pamela knows; time is handed in; safe to use from many threads.

    `terminal_conflict` is the HTTP status for cancelling a call that is over;
    `requests_per_second` limits each account (None: no limit).
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        terminal_conflict: int = 400,
        requests_per_second: int | None = None,
    ) -> None:
        self.seed = seed
        self.terminal_conflict = terminal_conflict
        self.requests_per_second = requests_per_second
        self.distance = Distance()
        self.lock = threading.RLock()
        self.accounts: list[Account] = []
        self.webhooks = Webhooks(self.lock)
        self.changes = 0
        self.filtered_by = FilteredBy.CREATED_AT
        self.issued = 0
        self._known_keys: dict[str, Account] = {}
        self._spent: dict[str, tuple[int, int]] = {}

    def add_account(self, account: Account, now: datetime) -> Account:
        """Open an account; its own API key is its first key."""
        with self.lock:
            if not account.keys:
                self.add_key(account, account.api_key, now)
            self.accounts.append(account)
            self.changed()
            return account

    def add_key(self, account: Account, key: str, now: datetime) -> ApiKey:
        """Give the account another key."""
        with self.lock:
            made = ApiKey(
                id=self.new_id("key"),
                digest=digest_of(key),
                prefix=key[:12],
                created_at=written(now),
            )
            account.keys.append(made)
            self.changed()
            return made

    def account_of_key(self, key: str) -> Account | None:
        """Return the account that a valid API key opens."""
        with self.lock:
            account = self._known_keys.get(key)
            if account is None:
                digest = digest_of(key)
                matching = (a for a in self.accounts if a.opened_by(digest))
                account = next(matching, None)
                if account is not None:
                    self._known_keys[key] = account
            return account

    def accounts_of_user(self, token: str) -> list[Account]:
        """Return the accounts of the person with this user token."""
        with self.lock:
            return [a for a in self.accounts if token and a.user_token == token]

    def changed(self) -> None:
        """Note that there is something new to save; forget which keys were valid."""
        self.changes += 1
        self._known_keys.clear()

    def new_id(self, prefix: str) -> str:
        """Return an id that looks random and depends on the seed alone."""
        with self.lock:
            return f"{prefix}_{self.chance().getrandbits(64):016x}"

    def chance(self) -> random.Random:
        """Return the next source of randomness; the n-th is always the same."""
        with self.lock:
            self.issued += 1
            return random.Random(f"{self.seed}:{self.issued}")

    def admit(self, account: Account, now: datetime) -> None:
        """Count a request against the account's limit, or raise the 429."""
        if self.requests_per_second is None:
            return
        second = micros(now) // 1_000_000
        with self.lock:
            last, spent = self._spent.get(account.name, (second, 0))
            spent = spent + 1 if last == second else 1
            self._spent[account.name] = (second, spent)
        if spent > self.requests_per_second:
            raise too_many_requests()

    def put_calls(self, account: Account, calls: Iterable[Call], now: datetime) -> None:
        """Add or replace calls."""
        with self.lock:
            account.call_list.put(calls, micros(now))
            self.changes += 1

    def filter_by(self, filtered_by: FilteredBy, now: datetime) -> None:
        """Let all lists filter by another time of a call."""
        with self.lock:
            self.filtered_by = filtered_by
            for account in self.accounts:
                account.call_list.filter_by(filtered_by, micros(now))
            self.changes += 1

    def remove_call(self, account: Account, call_id: str) -> bool:
        """Delete a call as if it had never been; False when there is none."""
        with self.lock:
            self.changes += 1
            return account.call_list.remove(call_id)

    def list_calls(self, account: Account, query: ListQuery, now: datetime) -> Page:
        """Return a page of visible calls."""
        with self.lock:
            account.call_list.show_at(micros(now))
            return account.call_list.page(query)

    def visible_call(
        self, account: Account, call_id: str, now: datetime
    ) -> tuple[Call, bytes]:
        """Return a call and the JSON that it shows now, or raise the 404."""
        with self.lock:
            account.call_list.show_at(micros(now))
            call, body = account.call_list.get(call_id), account.call_list.body(call_id)
        if call is None or body is None:
            raise Refusal(404, Code.CALL_NOT_FOUND, details={"call_id": call_id})
        return call, body

    def usage(self, account: Account, period: str, now: datetime) -> Document:
        """Return a month as the API sums it up.

        Minutes are those of connected calls that are over, in the month of their
        start; `call_count` counts every call created in the month.
        """
        with self.lock:
            account.call_list.show_at(micros(now))
            usage = account.call_list.usage(period)
            return {
                "partner_id": account.partner_id,
                "project_id": account.project_id,
                "period": period,
                "call_count": usage.calls,
                "api_minutes": usage.seconds / 60,
                "billed_minutes": usage.minutes,
                "quota": {"partner_limit": None, "project_limit": None},
            }

    def settle_delivery(self, delivery: Delivery, reply: Reply, now: datetime) -> None:
        """Note what came of an attempt to deliver a webhook."""
        with self.lock:
            self.webhooks.settle(delivery, reply, micros(now))
            self.changes += 1

    def to_state(self) -> Document:
        """Return everything remembered as plain JSON values."""
        with self.lock:
            return {
                "seed": self.seed,
                "issued": self.issued,
                "terminal_conflict": self.terminal_conflict,
                "requests_per_second": self.requests_per_second,
                "filtered_by": self.filtered_by.value,
                "accounts": [account.to_state() for account in self.accounts],
                "webhooks": self.webhooks.to_state(),
            }

    @classmethod
    def from_state(cls, saved: dict[str, Any], now: datetime) -> "PamelaState":
        """Return the state that `to_state` wrote down, as it looks now."""
        state = cls(
            seed=saved["seed"],
            terminal_conflict=saved["terminal_conflict"],
            requests_per_second=saved["requests_per_second"],
        )
        state.issued = saved["issued"]
        for account in saved["accounts"]:
            state.add_account(Account.from_state(account, micros(now)), now)
        state.filter_by(FilteredBy(saved.get("filtered_by", "created_at")), now)
        state.webhooks.restore(saved.get("webhooks", {}), state.accounts)
        return state
