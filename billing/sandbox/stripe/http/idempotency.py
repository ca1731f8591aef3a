"""Idempotency keys: an answer is kept for a day and given again."""

from dataclasses import dataclass, field
from datetime import datetime

from billing.sandbox.stripe.http.errors import StripeError, invalid
from billing.sandbox.stripe.rules import StripeRules

LONGEST_KEY = 255


@dataclass(frozen=True)
class StoredAnswer:
    """An answer as it went out, and the request that it belongs to."""

    fingerprint: str
    answered_at: datetime
    request_id: str
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


class StoredAnswers:
    """What was answered under which key, and which keys are being worked on."""

    def __init__(self, rules: StripeRules) -> None:
        self._rules = rules
        self._answers: dict[str, StoredAnswer] = {}
        self._working: set[str] = set()

    def claim(self, key: str, fingerprint: str, now: datetime) -> StoredAnswer | None:
        """Return the answer to replay; None means: work, then `keep` and `release`."""
        if len(key) > LONGEST_KEY:
            raise invalid(f"Idempotency keys are at most {LONGEST_KEY} characters.")
        self._forget(now)
        kept = self._answers.get(key)
        if kept is not None and self._remembers(kept, now):
            if kept.fingerprint != fingerprint:
                raise StripeError(
                    http_status=400,
                    type="idempotency_error",
                    message="Keys for idempotent requests can only be used with the "
                    f"same parameters they were first used with ({key}).",
                    v2_code="idempotency_error",
                )
            return kept
        if key in self._working:
            raise StripeError(
                http_status=409,
                type="idempotency_error",
                message="There is currently another in-progress request using this "
                "key.",
                code="idempotency_key_in_use",
            )
        self._working.add(key)
        return None

    def keep(self, key: str, answer: StoredAnswer) -> None:
        """Replay this answer from now on."""
        self._answers.pop(key, None)
        self._answers[key] = answer

    def release(self, key: str) -> None:
        """Say that nobody works under the key any more."""
        self._working.discard(key)

    def kept(self) -> dict[str, StoredAnswer]:
        """Return the answers by key."""
        return dict(self._answers)

    def _remembers(self, answer: StoredAnswer, now: datetime) -> bool:
        return now - answer.answered_at < self._rules.key_memory

    def _forget(self, now: datetime) -> None:
        """Drop the oldest answers whose day is over."""
        while self._answers:
            key = next(iter(self._answers))
            if self._remembers(self._answers[key], now):
                return
            del self._answers[key]
