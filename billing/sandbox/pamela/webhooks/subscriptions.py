"""Webhook subscriptions: which servers follow one call, and what it tells them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import (
    TERMINAL,
    Call,
    Document,
    micros,
    moment_of,
    read_moment,
    written,
)
from billing.sandbox.signed_delivery import SECOND, TOOL_CALL

QUEUED, STARTED = "call.queued", "call.started"
UPDATED, COMPLETED, FAILED = "call.transcript_update", "call.completed", "call.failed"
STATUS_OF = {
    QUEUED: "queued",
    STARTED: "in_progress",
    UPDATED: "in_progress",
    COMPLETED: "completed",
    FAILED: "failed",
}
SPEAKS_AFTER = SECOND  # microseconds from the start until something has been said


class Step(NamedTuple):
    """Something that a call comes to; microseconds since 1970."""

    at: int
    event: str


@dataclass
class WebhookSubscription:
    """Where one call reports and asks, and what it has reported so far."""

    account: Account
    call_id: str
    webhook_url: str | None
    tool_webhook_url: str | None
    tools: list[Document]
    reported: list[str] = field(default_factory=list)
    sent: int = 0
    seen: Call | None = None  # as it was when last looked at
    next_look: int = 0

    def call(self) -> Call | None:
        """Return the call as it now stands."""
        return self.account.call_list.get(self.call_id)

    def is_quiet(self, call: Call, now: int) -> bool:
        """Say whether there is certainly nothing new."""
        return call is self.seen and now < self.next_look

    def tool(self, name: str) -> Document | None:
        """Return the call's tool of this name."""
        return next((tool for tool in self.tools if tool["name"] == name), None)

    def next_number(self) -> int:
        """Return the number of the next thing that is sent."""
        self.sent += 1
        return self.sent

    def to_state(self) -> Document:
        """Return the subscription as plain JSON values."""
        return {
            "account": self.account.name,
            "call_id": self.call_id,
            "webhook_url": self.webhook_url,
            "tool_webhook_url": self.tool_webhook_url,
            "tools": self.tools,
            "told": self.reported,
            "sent": self.sent,
        }

    @classmethod
    def from_state(
        cls, saved: dict[str, Any], account: Account
    ) -> "WebhookSubscription":
        """Return the subscription that `to_state` wrote down."""
        return cls(
            account=account,
            call_id=saved["call_id"],
            webhook_url=saved["webhook_url"],
            tool_webhook_url=saved["tool_webhook_url"],
            tools=saved["tools"],
            reported=saved["told"],
            sent=saved["sent"],
        )


def steps(shown: Document, now: int) -> Iterator[Step]:
    """Yield what a call that shows this has come to, in order.

    The tool is asked while the call is in progress; a cancelled call has no event.
    """
    yield Step(_micros(shown.get("created_at")) or now, QUEUED)
    started = _micros(shown.get("started_at"))
    ended = min(_micros(shown.get("ended_at")) or now, now)
    until = ended if is_over(shown) else now
    if started is not None and started <= until:
        yield Step(started, STARTED)
        if started + SPEAKS_AFTER <= until:
            yield Step(started + SPEAKS_AFTER, UPDATED)
            yield Step(started + SPEAKS_AFTER, TOOL_CALL)
    if shown.get("status") == "completed":
        yield Step(ended, COMPLETED)
    if shown.get("status") == "failed":
        yield Step(ended, FAILED)


def next_look(call: Call, shown: Document, now: int) -> int:
    """Return when a call may next have something to tell; far off if never."""
    started = _micros(shown.get("started_at"))
    moments = [call.next_change(now), None if started is None else started + SECOND]
    coming = [moment for moment in moments if moment is not None and moment > now]
    return min(coming, default=1 << 62)


def is_over(shown: Document) -> bool:
    """Say whether a call has ended in any way."""
    status = shown.get("status")
    return isinstance(status, str) and status in TERMINAL


def event_payload(step: Step, call: Call) -> Document:
    """Return what a webhook says of a step; the transcript as a list of entries."""
    payload: Document = {
        "event": step.event,
        "call_id": call.id,
        "status": STATUS_OF[step.event],
        "timestamp": written(moment_of(step.at)),
    }
    if step.event in {UPDATED, COMPLETED}:
        payload["transcript"] = _entries(call.final().get("transcript"))
    return payload


def with_line(transcript: object, speaker: str, text: str) -> object:
    """Return a transcript, a text or a list, with one more thing said."""
    if isinstance(transcript, list):
        return [*transcript, {"speaker": speaker, "text": text}]
    line = f"{speaker}: {text}"
    return f"{transcript}\n{line}" if isinstance(transcript, str) else line


def _entries(transcript: object) -> list[object]:
    if isinstance(transcript, list):
        return transcript
    lines = transcript.splitlines() if isinstance(transcript, str) else []
    parts = [line.partition(": ") for line in lines]
    return [{"speaker": speaker, "text": text} for speaker, _, text in parts]


def _micros(value: object) -> int | None:
    moment = read_moment(value)
    return None if moment is None else micros(moment)
