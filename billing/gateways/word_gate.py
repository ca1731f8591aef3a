"""The word gate: what the other side says passes it before it is kept or shown."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from billing.domain.call import Quarantined, QuarantineReason
from billing.domain.foreign_text import foreign_text
from billing.domain.held_secrets import NO_SECRETS, HeldSecrets
from billing.errors import BillingError
from billing.ports import SourceCall

T = TypeVar("T")


class WordGate:
    """Lets words through that can do no harm; knows the secrets of this process."""

    def __init__(self, secrets: HeldSecrets = NO_SECRETS) -> None:
        self.secrets = secrets

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Let only harmless words into the faults that are raised in the block."""
        try:
            yield
        except BillingError as fault:
            fault.args = (self.text(str(fault)),)
            raise

    def text(self, words: str) -> str:
        """Return words that can do no harm."""
        return foreign_text(words, self.secrets)

    def value(self, value: T) -> T:
        """Return a value with harmless words in all its fields, whatever they are."""
        passed: Any = value
        if type(value) is str:
            passed = self.text(str(value))
        elif is_dataclass(value) and not isinstance(value, type):
            changed = {
                field.name: new
                for field in fields(value)
                if field.init
                and (new := self.value(old := getattr(value, field.name))) is not old
            }
            passed = replace(value, **changed) if changed else value
        elif isinstance(value, Mapping):
            passed = {self.value(key): self.value(item) for key, item in value.items()}
        elif isinstance(value, tuple | list):
            parts = [self.value(part) for part in value]
            make = getattr(value, "_make", type(value))
            is_same = all(new is old for new, old in zip(parts, value, strict=True))
            passed = value if is_same else make(parts)
        same: T = passed
        return same

    def calls(self, told: Sequence[SourceCall]) -> list[SourceCall]:
        """Return calls without our secrets; their other words are read strictly."""
        words = "\n".join(f"{call.call.call_id} {call.metadata!r}" for call in told)
        is_clean = self.secrets.name_in(words) is None
        return [
            call
            if is_clean and not isinstance(call.call, Quarantined)
            else self._call(call)
            for call in told
        ]

    def _call(self, told: SourceCall) -> SourceCall:
        call, metadata = told.call, self._without_secrets(told.metadata)
        if name := call.call_id and self.secrets.name_in(call.call_id):
            detail = f"id holds the secret {name}"
            reason = QuarantineReason.WRONG_TYPE
            call = Quarantined(
                account=call.account, call_id=None, reason=reason, detail=detail
            )
        elif isinstance(call, Quarantined):
            call = call._replace(detail=self.text(call.detail))
        return told._replace(call=call, metadata=metadata)

    def _without_secrets(self, value: object) -> object:
        match value:
            case str():
                return self.secrets.hidden(value)
            case Mapping():
                return {
                    self._without_secrets(key): self._without_secrets(item)
                    for key, item in value.items()
                }
            case list():
                return [self._without_secrets(item) for item in value]
            case _:
                return value
