"""The partner's endpoints, which ask for a user's token instead of an API key."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pamela import _arguments, _shapes
from pamela._requests import Request, in_json, in_json_or_empty
from pamela.access import Access, read_access
from pamela.exceptions import InvalidResponse
from pamela.types import (
    ApiKey,
    JSONValue,
    NewApiKey,
    SubscriptionResponse,
    SubscriptionSession,
)

# Nobody documents which of these carries the key.
KEY_NAMES = ("key", "api_key", "full_key", "secret")


def create_api_key(
    project_id: str | None = None,
    key_prefix: str | None = None,
    *,
    user_token: str | None = None,
    resend: bool = False,
) -> Request[NewApiKey]:
    """Make an API key, for one project if one is named; it is shown this once."""
    body = {
        "project_id": _arguments.filled("project_id", project_id),
        "key_prefix": _arguments.filled("key_prefix", key_prefix),
    }
    return Request(
        method="POST",
        path="/partner/api-keys",
        query="",
        read=in_json(_new_key),
        body=_arguments.encode_given(body),
        resend=resend,
        by_user=True,
        user_token=user_token,
    )


def list_api_keys(*, user_token: str | None = None) -> Request[list[ApiKey]]:
    """List the user's API keys, without their secrets."""
    read = in_json(_shapes.api_keys)
    return Request(
        method="GET",
        path="/partner/api-keys",
        query="",
        read=read,
        by_user=True,
        user_token=user_token,
    )


def revoke_api_key(
    key_id: str, *, user_token: str | None = None, resend: bool = False
) -> Request[ApiKey]:
    """Make an API key invalid for good."""
    segment = _arguments.segment("key_id", key_id)
    return Request(
        method="POST",
        path=f"/partner/api-keys/{segment}/revoke",
        query="",
        read=in_json_or_empty(_shapes.api_key, {"id": key_id, "success": True}),
        resend=resend,
        by_user=True,
        user_token=user_token,
    )


def get_subscription(*, user_token: str | None = None) -> Request[SubscriptionResponse]:
    """Read the state of the subscription; `read_access` says what it allows."""
    read = in_json(_shapes.subscription)
    return Request(
        method="GET",
        path="/partner/subscription",
        query="",
        read=read,
        by_user=True,
        user_token=user_token,
    )


def get_access(
    at: datetime | None = None, *, user_token: str | None = None
) -> Request[Access]:
    """Read what the subscription allows at a moment, by default now."""

    def access(answer: JSONValue) -> Access:
        return read_access(_shapes.subscription(answer), at or datetime.now(UTC))

    request = get_subscription(user_token=user_token)
    return Request(
        method=request.method,
        path=request.path,
        query="",
        read=in_json(access),
        by_user=True,
        user_token=user_token,
    )


def open_checkout(
    fields: Mapping[str, JSONValue] | None = None,
    *,
    user_token: str | None = None,
    resend: bool = False,
) -> Request[SubscriptionSession]:
    """Open a Stripe checkout for the subscription; `fields` are sent as they are."""
    return _open("checkout", fields, user_token=user_token, resend=resend)


def open_portal(
    fields: Mapping[str, JSONValue] | None = None,
    *,
    user_token: str | None = None,
    resend: bool = False,
) -> Request[SubscriptionSession]:
    """Open Stripe's customer portal; `fields` are sent as they are."""
    return _open("portal", fields, user_token=user_token, resend=resend)


def _open(
    what: str,
    fields: Mapping[str, JSONValue] | None,
    *,
    user_token: str | None,
    resend: bool,
) -> Request[SubscriptionSession]:
    body = None if fields is None else _arguments.json_object("fields", fields)
    return Request(
        method="POST",
        path=f"/partner/subscription/{what}",
        query="",
        read=in_json(_shapes.session),
        body=None if body is None else _arguments.encode_body(body),
        resend=resend,
        by_user=True,
        user_token=user_token,
    )


def _new_key(answer: JSONValue) -> NewApiKey:
    facts = dict(_shapes.an_object(answer))
    nested = facts.get("api_key")
    if isinstance(nested, dict):
        facts = {**facts, **nested, "api_key": nested.get("api_key")}
    values = [facts.pop(name, None) for name in KEY_NAMES]
    key = next((value for value in values if isinstance(value, str) and value), None)
    if key is None:
        raise InvalidResponse("the key was made, but the answer does not show it")
    return NewApiKey(key, _shapes.api_key(facts))
