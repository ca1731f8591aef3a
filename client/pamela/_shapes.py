"""The shapes of answers: plain dictionaries and lists, as the API promises them."""

from collections.abc import Callable
from typing import cast

from pamela.exceptions import InvalidResponse
from pamela.types import (
    ApiKey,
    CallListResponse,
    CallResponse,
    CallStatusResponse,
    JSONObject,
    JSONValue,
    SubscriptionResponse,
    SubscriptionSession,
    ToolDefinition,
    ToolDeleteResponse,
    ToolRegistration,
    UsageResponse,
)


def an_object(answer: JSONValue) -> JSONObject:
    """Return an object, or refuse."""
    if not isinstance(answer, dict):
        raise InvalidResponse(f"expected an object, got {type(answer).__name__}")
    return answer


def call(answer: JSONValue) -> CallStatusResponse:
    """Return a call."""
    return cast("CallStatusResponse", an_object(answer))


def change(answer: JSONValue) -> CallResponse:
    """Return what changing a call answers."""
    return cast("CallResponse", an_object(answer))


def page(answer: JSONValue) -> CallListResponse:
    """Return a page of calls; one without its list is no page without calls."""
    if not isinstance(an_object(answer).get("items"), list):
        raise InvalidResponse("a page of calls has no list of items")
    return cast("CallListResponse", answer)


def usage(answer: JSONValue) -> UsageResponse:
    """Return a month's usage."""
    return cast("UsageResponse", an_object(answer))


def registration(answer: JSONValue) -> ToolRegistration:
    """Return what registering a tool answers."""
    return cast("ToolRegistration", an_object(answer))


def deletion(answer: JSONValue) -> ToolDeleteResponse:
    """Return what deleting a tool answers."""
    return cast("ToolDeleteResponse", an_object(answer))


def tools(answer: JSONValue) -> list[ToolDefinition]:
    """Return tools, listed bare or under a name."""
    return cast("list[ToolDefinition]", _listed("tools")(answer))


def api_keys(answer: JSONValue) -> list[ApiKey]:
    """Return keys, listed bare or under a name."""
    return cast("list[ApiKey]", _listed("api_keys", "keys")(answer))


def api_key(answer: JSONValue) -> ApiKey:
    """Return what is known of a key."""
    return cast("ApiKey", an_object(answer))


def subscription(answer: JSONValue) -> SubscriptionResponse:
    """Return the state of a subscription."""
    return cast("SubscriptionResponse", an_object(answer))


def session(answer: JSONValue) -> SubscriptionSession:
    """Return where the customer goes on."""
    return cast("SubscriptionSession", an_object(answer))


def _listed(*names: str) -> Callable[[JSONValue], list[JSONObject]]:
    def shape(answer: JSONValue) -> list[JSONObject]:
        rows = answer
        if isinstance(answer, dict):
            lists = (answer.get(name) for name in (*names, "items"))
            rows = next((value for value in lists if isinstance(value, list)), None)
        if not isinstance(rows, list) or not all(isinstance(i, dict) for i in rows):
            raise InvalidResponse(f"expected a list of {names[0]}")
        return cast("list[JSONObject]", rows)

    return shape
