"""Webhook deliveries: what is sent where, signed how, and what became of it."""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from billing.sandbox.pamela.call import Document, moment_of, written

SIGNATURE_HEADER = "X-Pamela-Signature"
TOOL_CALL = "tool.call"
BACKOFF_SECONDS = (1, 2, 4, 8, 16)
USUAL_TIMEOUT_MS = 10_000
SECOND = 1_000_000  # microseconds
NOT_LOOPBACK = "the sandbox delivers to http(s) URLs of loopback addresses only"
SHOWN = (
    "id",
    "event",
    "target_url",
    "status",
    "attempts",
    "response_status",
    "delivered_at",
    "created_at",
    "error",
)


@dataclass(frozen=True)
class Reply:
    """What a user's server answered; without a status it did not."""

    status: int | None
    body: str = ""
    error: str | None = None


@dataclass
class Delivery:
    """One webhook: its signed bytes, and its attempts; `due` None: not by itself."""

    id: str
    call_id: str
    event: str
    target_url: str
    body: str
    signature: str
    created_at: str
    due: int | None  # microseconds since 1970
    timeout_ms: int = USUAL_TIMEOUT_MS
    status: Literal["pending", "delivered", "failed"] = "pending"
    attempts: int = 0
    response_status: int | None = None
    delivered_at: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if not is_loopback(self.target_url):
            self.status, self.error = "failed", NOT_LOOPBACK

    def settle(self, reply: Reply, now: int) -> None:
        """Note an attempt: delivered, to be repeated, or failed for good.

        A conversation does not wait: a tool is asked once.
        """
        self.attempts += 1
        self.response_status, self.error = reply.status, reply.error
        waits = () if self.event == TOOL_CALL else BACKOFF_SECONDS
        if reply.error is None:
            self.status, self.delivered_at = "delivered", written(moment_of(now))
        elif self.attempts > len(waits):
            self.status = "failed"
        else:
            self.due = now + waits[self.attempts - 1] * SECOND

    def to_json(self) -> Document:
        """Render the delivery as the API's type `WebhookDelivery`."""
        return {name: getattr(self, name) for name in SHOWN}

    def to_state(self) -> Document:
        """Return everything as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_state(cls, saved: dict[str, Any]) -> "Delivery":
        """Return the delivery that `to_state` wrote down; what was under way is due."""
        return cls(**saved | {"due": saved["due"] or 0})


def canonical(payload: Document) -> str:
    """Write the JSON that is signed and sent: sorted, compact, ASCII."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"))


def sign(body: str, secret: str) -> str:
    """Return the hex HMAC-SHA256 of a body."""
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this machine and nowhere else."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        reachable = parts.scheme in {"http", "https"} and parts.port != 0
        return reachable and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False
