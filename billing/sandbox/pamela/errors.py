"""Refusals of the sandbox's Pamela API, in its shape and with its codes."""

from enum import IntEnum

import orjson
from fastapi import Response

from billing.sandbox.faults import Fault, FaultKind

RETRY_AFTER_SECONDS = 1


class Code(IntEnum):
    """The documented error codes that the sandbox gives."""

    KEY_REQUIRED = 1001
    KEY_INVALID = 1002
    SUBSCRIPTION_REQUIRED = 1005
    VALIDATION = 2001
    PHONE_NUMBER = 2002
    RATE_LIMIT = 6001
    PROJECT_NOT_FOUND = 7002
    CALL_NOT_FOUND = 7003
    UNSUPPORTED_COUNTRY = 7005
    SUBSCRIPTION_EXPIRED = 7008


SENTENCES: dict[int, str] = {
    Code.KEY_REQUIRED: "An API key is required: send Authorization: Bearer <key>.",
    Code.KEY_INVALID: "This API key is not valid.",
    Code.SUBSCRIPTION_REQUIRED: "An API subscription is required.",
    Code.SUBSCRIPTION_EXPIRED: "The subscription has expired and its grace is over.",
    Code.RATE_LIMIT: "Too many requests; try again later.",
    Code.PROJECT_NOT_FOUND: "There is no such project.",
    Code.CALL_NOT_FOUND: "There is no such call.",
}


class Refusal(Exception):
    """The API answers with an error instead of doing what was asked."""

    def __init__(
        self,
        status: int,
        code: int | None,
        message: str = "",
        details: dict[str, object] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message or SENTENCES.get(code or 0, "Refused.")
        self.details = details or {}
        super().__init__(self.message)

    def response(self) -> Response:
        """Render the canonical error, with `Retry-After` where one is due."""
        detail = {
            "error_code": self.code,
            "message": self.message,
            "details": self.details,
        }
        response = json_response({"detail": detail}, self.status)
        if "retry_after" in self.details:
            response.headers["Retry-After"] = str(self.details["retry_after"])
        return response


def invalid(message: str, status: int = 400, **details: object) -> Refusal:
    """Make the refusal of a value that is not as documented."""
    return Refusal(status, Code.VALIDATION, message, details)


def too_many_requests(seconds: int = RETRY_AFTER_SECONDS) -> Refusal:
    """Make the refusal of a request that came too soon after others."""
    return Refusal(429, Code.RATE_LIMIT, details={"retry_after": seconds})


def json_response(value: object, status: int = 200) -> Response:
    """Answer with a value as JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def refusal_for(fault: Fault) -> Refusal:
    """Word a fault that is in force as this API would."""
    match fault.kind:
        case FaultKind.RATE_LIMIT | FaultKind.LOCK_TIMEOUT:
            return too_many_requests(_number(fault.detail, RETRY_AFTER_SECONDS))
        case FaultKind.UNAUTHORIZED:
            return Refusal(401, Code.KEY_INVALID)
        case FaultKind.FORBIDDEN:
            code = _number(fault.detail, Code.SUBSCRIPTION_REQUIRED)
            return Refusal(403, code)
        case FaultKind.ERROR_503:
            return Refusal(503, None, "The service is unavailable.")
        case _:
            return Refusal(500, None, "Something went wrong on our side.")


def _number(detail: str, usual: int) -> int:
    """Read a fault's detail; one that is meant for the other API is no number."""
    return int(detail) if detail.isdecimal() else usual
