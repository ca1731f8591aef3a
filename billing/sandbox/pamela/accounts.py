"""Accounts of the sandbox's Pamela: who asks, with which keys, on what subscription."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from billing.sandbox.pamela.call import Call, Document, read_moment, written
from billing.sandbox.pamela.call_list import CallList
from billing.sandbox.pamela.errors import Code

KEY_PREFIX = "pk_live_"
DESCRIBED = (
    "name",
    "partner_id",
    "project_id",
    "api_key",
    "user_token",
    "webhook_secret",
    "customer_key",
    "default_customer",
)


@dataclass
class AccountSubscription:
    """What the account pays for its access."""

    status: str | None = "active"
    grace_period_ends_at: datetime | None = None

    def refusal(self, now: datetime) -> Code | None:
        """Return the code under which access is refused, or None."""
        if self.status in {"active", "trialing"}:
            return None
        if self.status != "past_due":
            return Code.SUBSCRIPTION_REQUIRED
        grace = self.grace_period_ends_at
        return None if grace and now < grace else Code.SUBSCRIPTION_EXPIRED

    def to_json(self) -> Document:
        """Render the subscription with the API's names."""
        grace = self.grace_period_ends_at
        return {
            "subscription_status": self.status,
            "grace_period_ends_at": None if grace is None else written(grace),
        }

    @classmethod
    def from_json(cls, document: Document) -> "AccountSubscription":
        """Read what `to_json` wrote; ValueError for anything else."""
        status = document.get("subscription_status")
        grace = document.get("grace_period_ends_at")
        moment = read_moment(grace)
        if status is not None and not isinstance(status, str):
            raise ValueError("subscription_status is a text or null")
        if grace is not None and moment is None:
            raise ValueError("grace_period_ends_at is an ISO 8601 time or null")
        return cls(status, moment)


@dataclass
class ApiKey:
    """A key as it is kept: by its hash, with just enough of it to recognise it."""

    id: str
    digest: str
    prefix: str
    created_at: str
    revoked_at: str | None = None

    def to_json(self, project_id: str | None) -> Document:
        """Render the key without its secret."""
        return {
            "id": self.id,
            "key_prefix": self.prefix,
            "project_id": project_id,
            "active": self.revoked_at is None,
            "created_at": self.created_at,
            "revoked_at": self.revoked_at,
        }


@dataclass
class Account:
    """A partner or one of its projects; `customer_key` is the metadata key in use."""

    name: str
    partner_id: str
    project_id: str | None
    api_key: str
    user_token: str
    webhook_secret: str
    customer_key: str | None = None
    default_customer: str | None = None
    subscription: AccountSubscription = field(default_factory=AccountSubscription)
    keys: list[ApiKey] = field(default_factory=list)
    tools: dict[str, Document] = field(default_factory=dict)
    call_list: CallList = field(default_factory=CallList)

    def opened_by(self, digest: str) -> bool:
        """Say whether a key of this hash opens the account."""
        return any(key.digest == digest and not key.revoked_at for key in self.keys)

    def describe(self) -> Document:
        """Return everything but calls and tools, secrets included: it is a sandbox."""
        facts = {name: getattr(self, name) for name in DESCRIBED}
        return {**facts, **self.subscription.to_json()}

    def to_state(self) -> Document:
        """Return everything, calls and tools included, as plain JSON values."""
        return {
            **self.describe(),
            "keys": [asdict(key) for key in self.keys],
            "tools": self.tools,
            "calls": [call.to_state() for call in self.call_list.calls()],
        }

    @classmethod
    def from_state(cls, saved: dict[str, Any], now: int) -> "Account":
        """Return the account that `to_state` wrote down, as it looks now."""
        call_list = CallList()
        call_list.put(map(Call.from_state, saved["calls"]), now)
        return cls(
            **{name: saved[name] for name in DESCRIBED},
            subscription=AccountSubscription.from_json(saved),
            keys=[ApiKey(**key) for key in saved["keys"]],
            tools=saved["tools"],
            call_list=call_list,
        )


def digest_of(key: str) -> str:
    """Return the hash under which a key is kept."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
