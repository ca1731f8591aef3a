"""Request parameters in Stripe's form encoding, read strictly."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Self

from billing.sandbox.stripe.http.errors import invalid

LONGEST = 5_000
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_WHOLE = re.compile(r"-?[0-9]{1,15}")


def parse_form(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Nest `payload[value]=5` as {"payload": {"value": "5"}}."""
    form: dict[str, object] = {}
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            raise invalid(f"Invalid parameter name: {key}", param=key)
        *groups, last = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        place = form
        for group in groups:
            inner = place.setdefault(group, {})
            if not isinstance(inner, dict):
                raise invalid(f"Invalid parameter: {key}", param=key)
            place = inner
        last = last or str(len(place))  # a list may leave out its numbers
        if last in place:
            raise invalid(f"Parameter given twice: {key}", param=key)
        place[last] = value
    return form


class Fields:
    """The parameters of one request; what is not asked for is refused by `end`."""

    def __init__(self, params: Mapping[str, object], parent: str = "") -> None:
        self._params = params
        self._parent = parent
        self._asked = {"expand"}

    def _wire(self, name: str) -> str:
        return f"{self._parent}[{name}]" if self._parent else name

    def _take(self, name: str) -> object:
        self._asked.add(name)
        return self._params.get(name)

    def maybe_text(self, name: str, longest: int = LONGEST) -> str | None:
        """Return a text that may be absent."""
        value = self._take(name)
        if value is None:
            return None
        wire = self._wire(name)
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {wire}", param=wire)
        if not value:
            raise invalid(
                f"You passed an empty string for '{wire}'.",
                param=wire,
                code="parameter_invalid_empty",
            )
        if len(value) > longest:
            raise invalid(
                f"Invalid {wire}: must be at most {longest} characters", param=wire
            )
        return value

    def text(self, name: str, longest: int = LONGEST) -> str:
        """Return a text that has to be there."""
        value = self.maybe_text(name, longest)
        if value is None:
            raise self._absent(name)
        return value

    def choice(self, name: str, allowed: frozenset[str]) -> str | None:
        """Return one of the allowed texts, or None when it is absent."""
        value = self.maybe_text(name)
        if value is not None and value not in allowed:
            wire = self._wire(name)
            raise invalid(
                f"Invalid {wire}: must be one of {', '.join(sorted(allowed))}",
                param=wire,
            )
        return value

    def maybe_whole(self, name: str) -> int | None:
        """Return a whole number that may be absent; forms carry it as text."""
        value = self._take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)
        wire = self._wire(name)
        raise invalid(
            f"Invalid integer: {value}", param=wire, code="parameter_invalid_integer"
        )

    def whole(self, name: str) -> int:
        """Return a whole number that has to be there."""
        value = self.maybe_whole(name)
        if value is None:
            raise self._absent(name)
        return value

    def moment(self, name: str) -> int | None:
        """Return the unix second of an RFC 3339 text (v2), or None when absent."""
        instant = self.instant(name)
        return None if instant is None else int(instant.timestamp())

    def instant(self, name: str) -> datetime | None:
        """Return the moment of an RFC 3339 text (v2), or None when absent."""
        value = self.maybe_text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            wire = self._wire(name)
            raise invalid(f"Invalid RFC 3339 timestamp: {value}", param=wire)
        return moment

    def group(self, name: str) -> Self | None:
        """Return the nested parameters of this name, or None when absent."""
        value = self._take(name)
        if value is None:
            return None
        wire = self._wire(name)
        if not isinstance(value, Mapping):
            raise invalid(f"Invalid hash: {wire}", param=wire)
        return type(self)(value, wire)

    def is_group(self, name: str) -> bool:
        """Say whether this name has nested parameters."""
        return isinstance(self._take(name), Mapping)

    def groups(self, name: str) -> list[Self]:
        """Return a list's nested parameters; an absent list is empty."""
        value = self._take(name)
        wire = self._wire(name)
        if value is None:
            return []
        listed = value if isinstance(value, Mapping) else None
        if isinstance(value, list):
            listed = {str(number): item for number, item in enumerate(value)}
        if listed is None or not all(isinstance(i, Mapping) for i in listed.values()):
            raise invalid(f"Invalid array: {wire}", param=wire)
        return [type(self)(item, f"{wire}[{key}]") for key, item in listed.items()]

    def maybe_flag(self, name: str) -> bool | None:
        """Return a true or a false that may be absent; forms carry it as text."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return value
        if value in {"true", "false"}:
            return value == "true"
        raise invalid(f"Invalid boolean: {value}", param=self._wire(name))

    def texts(self, name: str) -> dict[str, str] | None:
        """Return a map of texts under names of the caller's, or None when absent."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise invalid(f"Invalid hash: {self._wire(name)}", param=self._wire(name))
        for key, text in value.items():
            if not isinstance(text, str):
                kind = "map" if isinstance(text, Mapping) else type(text).__name__
                raise invalid(
                    f"value is not a string (Kind: {kind})",
                    param=f"{self._wire(name)}[{key}]",
                )
        return dict(value)

    def values(self, name: str) -> list[str] | None:
        """Return a list of texts, or None when absent."""
        value = self._take(name)
        if value is None:
            return None
        listed = list(value.values()) if isinstance(value, Mapping) else value
        if not isinstance(listed, list) or not all(
            isinstance(item, str) for item in listed
        ):
            raise invalid(f"Invalid array: {self._wire(name)}", param=self._wire(name))
        return listed

    def end(self) -> None:
        """Refuse every parameter that nobody asked for."""
        for name in self._params:
            if name not in self._asked:
                wire = self._wire(name)
                raise invalid(
                    f"Received unknown parameter: {wire}",
                    param=wire,
                    code="parameter_unknown",
                )

    def _absent(self, name: str) -> Exception:
        wire = self._wire(name)
        return invalid(
            f"Missing required param: {wire}.", param=wire, code="parameter_missing"
        )


def rfc3339(moment: datetime) -> str:
    """Render a moment as v2 does."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
