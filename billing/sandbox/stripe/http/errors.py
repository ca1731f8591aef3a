"""Stripe's refusals: one error with the status, type, code and wording of the wire."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class StripeError(Exception):
    """A refusal. `stored` ones are replayed under their idempotency key."""

    http_status: int
    type: str
    message: str
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    v2_code: str | None = None
    stored: bool = False

    def __str__(self) -> str:
        return f"{self.http_status} {self.type}: {self.message}"

    def body(self) -> dict[str, object]:
        """Return the body that v1 answers with."""
        facts = {"code": self.code, "message": self.message, "param": self.param}
        filled = {name: fact for name, fact in facts.items() if fact is not None}
        return {"error": {**filled, "type": self.type}}

    def v2_body(self) -> dict[str, object]:
        """Return the body that v2 answers with; there every error has a code."""
        code = self.v2_code or self.code or "invalid_fields"
        return {"error": {"code": code, "message": self.message, "type": self.type}}


def invalid(
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    v2_code: str | None = None,
) -> StripeError:
    """Return the 400 for a parameter that is wrong in itself; no key keeps it."""
    return StripeError(
        http_status=400,
        type="invalid_request_error",
        message=message,
        code=code,
        param=param,
        v2_code=v2_code,
    )


def refused(
    message: str,
    *,
    param: str | None = None,
    v2_code: str | None = None,
    headers: dict[str, str] | None = None,
) -> StripeError:
    """Return the 400 for what the account's state forbids; a key keeps it."""
    return StripeError(
        http_status=400,
        type="invalid_request_error",
        message=message,
        code=None,
        param=param,
        headers=headers or {},
        v2_code=v2_code,
        stored=True,
    )


def missing(kind: str, name: str, param: str = "id") -> StripeError:
    """Return the 404 for a path that names nothing, or the 400 for a parameter."""
    return StripeError(
        http_status=404 if param == "id" else 400,
        type="invalid_request_error",
        message=f"No such {kind}: '{name}'",
        code="resource_missing",
        param=param,
        stored=True,
    )


def server_error(status: int = 500) -> StripeError:
    """Return a failure on Stripe's side."""
    return StripeError(
        http_status=status,
        type="api_error",
        message="Something went wrong on our end. Try again in a moment.",
        v2_code="internal_error",
    )


def rate_limited(reason: str) -> StripeError:
    """Return the 429 for too many requests; the reason is the header's value."""
    return StripeError(
        http_status=429,
        type="invalid_request_error",
        message="Request rate limit exceeded.",
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": reason},
    )


def locked() -> StripeError:
    """Return the 429 of an object lock: another request holds customer and meter."""
    return StripeError(
        http_status=429,
        type="invalid_request_error",
        message="This object cannot be accessed right now because another request is "
        "currently accessing it.",
        code="lock_timeout",
        v2_code="too_many_concurrent_requests",
    )


def unauthorized(key: str | None) -> StripeError:
    """Return the 401 for no key or an unknown one, without repeating it whole."""
    message = "You did not provide an API key."
    if key:
        message = f"Invalid API Key provided: {key[:7]}****{key[-4:]}"
    return StripeError(
        http_status=401,
        type="invalid_request_error",
        message=message,
        v2_code="invalid_api_key",
    )


def forbidden() -> StripeError:
    """Return the 403 for a key without the permission."""
    return StripeError(
        http_status=403,
        type="invalid_request_error",
        message="The provided key does not have the permissions that this request "
        "needs.",
        v2_code="insufficient_permissions",
    )
