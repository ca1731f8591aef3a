"""Event destinations: the servers that Stripe notifies, and how badly it does so."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from zlib import crc32

import orjson

from billing.sandbox.signed_delivery import Reply
from billing.sandbox.stripe.http.params import rfc3339
from billing.sandbox.stripe.metering.error_reports import ErrorReport
from billing.sandbox.stripe.rules import spread

HEADER = "Stripe-Signature"
EVERYTHING = "*"
TIMEOUT_MS = 10_000
WAITS = (timedelta(minutes=1), timedelta(hours=1))  # then it is given up
ROTATION = timedelta(hours=24)  # an old secret signs along for so long

Json = dict[str, object]


@dataclass
class Destination:
    """A server that is notified of events, and the ways in which that goes wrong."""

    id: str
    url: str
    events: list[str]
    created_at: datetime
    copies: int = 1  # how often each notification is sent
    lost_per_thousand: int = 0
    spread_seconds: int = 0  # each is late by up to this, and so out of order
    real_time: bool = False  # signed at this machine's time, not the sandbox's
    rotated_at: list[datetime] = field(default_factory=list)

    def secret(self, number: int | None = None) -> str:
        """Return the signing secret, or the one after so many rotations."""
        number = len(self.rotated_at) if number is None else number
        digest = hashlib.sha256(f"{self.id}:{number}".encode()).hexdigest()
        return f"whsec_{digest[:32]}"

    def secrets(self, now: datetime) -> list[str]:
        """Return the secrets that sign now, the newest first."""
        latest = len(self.rotated_at)
        old = [
            number
            for number, ended in enumerate(self.rotated_at)
            if now < ended + ROTATION
        ]
        return [self.secret(number) for number in [latest, *reversed(old)]]

    def wants(self, report: ErrorReport) -> bool:
        """Say whether the destination is to be notified of an event."""
        named = EVERYTHING in self.events or report.type in self.events
        return named and report.made_at >= self.created_at

    def notice_id(self, report: ErrorReport, copy: int = 0) -> str:
        """Return the id of one copy of an event's notification."""
        return f"ntc_{self.id}_{report.id}_{copy}"

    def notices(self, report: ErrorReport) -> Iterator["Notice"]:
        """Word an event, as often as it is to be sent; some are lost on the way."""
        body = orjson.dumps(report.notification()).decode()
        for copy in range(self.copies):
            name = self.notice_id(report, copy)
            lost = crc32(name.encode()) % 1_000 < self.lost_per_thousand
            late = spread(name, timedelta(seconds=self.spread_seconds))
            yield Notice(
                id=name,
                destination=self.id,
                event=report.id,
                type=report.type,
                target_url=self.url,
                body=body,
                due=report.made_at + late,
                status="lost" if lost else "pending",
            )

    def to_json(self) -> Json:
        """Render the destination; the secret is shown only when it is new."""
        return {
            "id": self.id,
            "url": self.url,
            "events": list(self.events),
            "created": rfc3339(self.created_at),
            "copies": self.copies,
            "lost_per_thousand": self.lost_per_thousand,
            "spread_seconds": self.spread_seconds,
            "real_time": self.real_time,
        }


@dataclass
class Notice:
    """One thin notification on its way to a destination."""

    id: str
    destination: str
    event: str
    type: str
    target_url: str
    body: str
    due: datetime
    status: Literal["pending", "delivered", "failed", "lost"] = "pending"
    attempts: int = 0
    response_status: int | None = None
    delivered_at: datetime | None = None
    error: str | None = None

    @property
    def timeout_ms(self) -> int:
        """Return how long an answer is waited for."""
        return TIMEOUT_MS

    def settle(self, reply: Reply, now: datetime) -> None:
        """Note an attempt: delivered, to be repeated, or failed for good."""
        self.attempts += 1
        self.response_status, self.error = reply.status, reply.error
        if reply.error is None:
            self.status, self.delivered_at = "delivered", now
        elif self.attempts > len(WAITS):
            self.status = "failed"
        else:
            self.due = now + WAITS[self.attempts - 1]

    def to_json(self) -> Json:
        """Render what became of it."""
        delivered = self.delivered_at
        return {
            "id": self.id,
            "destination": self.destination,
            "event": self.event,
            "type": self.type,
            "status": self.status,
            "due": rfc3339(self.due),
            "attempts": self.attempts,
            "response_status": self.response_status,
            "delivered_at": None if delivered is None else rfc3339(delivered),
            "error": self.error,
        }


def signature(body: str, secrets: list[str], moment: datetime) -> str:
    """Return the header that signs a body at a moment, with each secret."""
    second = int(moment.astimezone(UTC).timestamp())
    signed = f"{second}.{body}".encode()
    digests = [
        hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    return ",".join([f"t={second}", *(f"v1={digest}" for digest in digests)])
