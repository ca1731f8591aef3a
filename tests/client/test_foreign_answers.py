"""Answers of a foreign HTTP library, which programs' own tests hand to the client."""

from typing import Any

import pytest

from pamela import AsyncPamelaClient, CallError, PamelaClient, PamelaError
from pamela.types import JSONValue


class ForeignAnswer:
    """What `requests` answers, as far as the client looks."""

    def __init__(self, status: int, body: Any, headers: Any = None) -> None:
        self.status_code = status
        self.headers = headers
        self._body = body

    def json(self) -> JSONValue:
        """Return the decoded body, or raise what stands for it."""
        if isinstance(self._body, Exception):
            raise self._body
        decoded: JSONValue = self._body
        return decoded


@pytest.mark.parametrize("client", [PamelaClient, AsyncPamelaClient])
@pytest.mark.parametrize(
    ("body", "headers", "message", "request_id"),
    [
        ({"detail": "gone"}, {"x-request-id": "r1"}, "gone", "r1"),
        (ValueError("no JSON"), None, "Request failed with status 404", None),
        (["?"], "headers", "Request failed with status 404", None),
    ],
)
def test_a_foreign_refusal_raises_what_our_own_would(
    client: Any, body: Any, headers: Any, message: str, request_id: str | None
) -> None:
    answer = ForeignAnswer(404, body, headers)
    for path, kind in (("/calls/call_1", CallError), ("/tools", PamelaError)):
        with pytest.raises(PamelaError) as caught:
            client("pk_live_1", "http://test")._raise_for_error(answer, path)
        assert type(caught.value) is kind
        assert (str(caught.value), caught.value.request_id) == (message, request_id)
