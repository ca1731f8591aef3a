"""A request to the Stripe stand-in, as it came in."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self
from urllib.parse import parse_qsl

import orjson
from fastapi import Request

from billing.sandbox.stripe.http.errors import StripeError, invalid
from billing.sandbox.stripe.http.idempotency import StoredAnswer
from billing.sandbox.stripe.http.params import Fields, parse_form
from billing.sandbox.stripe.mode import Json, StripeMode


@dataclass(frozen=True)
class AdmittedRequest:
    """A request that was let in: its mode, its parameters, and the moment."""

    mode: StripeMode
    params: Json
    name: str  # the id in the path, or nothing
    now: datetime
    key: str | None = None  # the idempotency key


Operation = Callable[[AdmittedRequest], Json | Awaitable[Json]]
Route = tuple[str, str, str, Operation]  # method, path, name, work


def name_without_params(request: AdmittedRequest) -> str:
    """Return the id in the path of a request that takes no parameters."""
    Fields(request.params).end()
    return request.name


@dataclass(frozen=True)
class Endpoint:
    """A path of the API, the name that faults and limits know it by, and its work."""

    method: str
    path: str
    name: str
    operation: Operation

    @property
    def v2(self) -> bool:
        """Say whether it speaks JSON and coded errors."""
        return self.path.startswith("/v2/")


@dataclass(frozen=True)
class StripeRequest:
    """A request as it came in; params that cannot be read are an error yet to be."""

    endpoint: Endpoint
    name: str
    secret: str | None
    params: Json | StripeError
    idempotency_key: str | None
    fingerprint: str
    request_id: str

    @classmethod
    async def read(cls, http: Request, endpoint: Endpoint, number: int) -> Self:
        """Read a request to its end."""
        body = await http.body()
        text = body if http.method == "POST" else http.url.query.encode()
        in_json = endpoint.v2 and http.method == "POST"
        params = read_params(text, in_json=in_json)
        key = http.headers.get("Idempotency-Key")
        return cls(
            endpoint=endpoint,
            name=http.path_params.get("name", ""),
            secret=secret_key(http.headers.get("Authorization", "")),
            params=params,
            idempotency_key=key if http.method == "POST" else None,
            fingerprint=fingerprint(f"{http.method} {http.url.path}", params),
            request_id=f"req_{number:014d}",
        )

    @property
    def identifier(self) -> str | None:
        """Return the meter event's identifier, when the request names one."""
        if isinstance(self.params, StripeError):
            return None
        inner = self.params.get("cancel")
        named = inner if isinstance(inner, dict) else self.params
        identifier = named.get("identifier")
        return identifier if isinstance(identifier, str) else None

    def answer(self, status: int, body: Json, now: datetime) -> StoredAnswer:
        """Return an answer to this request."""
        text = orjson.dumps(body, default=_exact_number).decode()
        return StoredAnswer(
            fingerprint=self.fingerprint,
            answered_at=now,
            request_id=self.request_id,
            status=status,
            body=text,
        )

    def refusal(self, error: StripeError, now: datetime) -> StoredAnswer:
        """Return an error as the answer to this request."""
        body = error.v2_body() if self.endpoint.v2 else error.body()
        text = orjson.dumps(body).decode()
        return StoredAnswer(
            fingerprint=self.fingerprint,
            answered_at=now,
            request_id=self.request_id,
            status=error.http_status,
            body=text,
            headers=error.headers,
        )


def secret_key(authorization: str) -> str | None:
    """Return the key of a Bearer or a Basic header."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def read_params(text: bytes, *, in_json: bool) -> Json | StripeError:
    """Return the parameters of a form or of a JSON body, or what is wrong with it."""
    try:
        if not in_json:
            pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict")
            return parse_form(pairs)
        params = orjson.loads(text or b"{}")
    except StripeError as error:
        return error
    except ValueError:
        return invalid("The request's body cannot be read.")
    if not isinstance(params, dict):
        return invalid("The request's body is not a JSON object.")
    return params


def fingerprint(target: str, params: Json | StripeError) -> str:
    """Return what two requests share when they ask for the same thing."""
    readable = {} if isinstance(params, StripeError) else params
    text = orjson.dumps([target, readable], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def _exact_number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(f"{type(value)} has no place in an answer")
