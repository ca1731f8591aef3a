"""Stripe's OpenAPI document as a judge of requests and of answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema  # type: ignore[import-untyped]  # it ships no types
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.sandbox.stripe.http.params import parse_form

DOCUMENT = json.loads(
    Path(__file__).with_name("stripe-meters-openapi.json").read_text("utf-8")
)
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
ERRORS_OF_ANY_PATH = {"$ref": "#/components/schemas/error"}


def as_json_schema(node: Any) -> Any:
    """Say in JSON Schema what OpenAPI 3.0 says in its own words."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: as_json_schema(value) for key, value in node.items()}
    # Every coded v2 error also fits the plain one, so "one of" would refuse both.
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    # Objects are closed: a field that Stripe does not document is a mistake of ours.
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    if schema.get("nullable") is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


COMPONENTS = as_json_schema(DOCUMENT["components"])


def complaints(schema: Any, value: object) -> Iterator[str]:
    """Say what of a value the schema does not allow."""
    whole = {"allOf": [as_json_schema(schema)], "components": COMPONENTS}
    for error in jsonschema.Draft7Validator(whole).iter_errors(value):
        yield f"{error.json_path}: {error.message}"


def typed(schema: Any, value: object) -> object:
    """Give the texts of a form the types that their schemas ask for."""
    if isinstance(value, dict):
        if schema.get("type") == "array":
            return [typed(schema["items"], item) for item in value.values()]
        properties = schema.get("properties", {})
        return {
            key: typed(properties.get(key, {}), item) for key, item in value.items()
        }
    if schema.get("type") == "integer" and isinstance(value, str):
        return int(value)
    return value


def operation(method: str, path: str) -> Any | None:
    """Find what the document says of a request, if it knows its path."""
    matching = [
        path_item[method.lower()]
        for template, path_item in DOCUMENT["paths"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        and method.lower() in path_item
    ]
    return matching[0] if matching else None


def request_complaints(documented: Any, query: str, body: bytes) -> Iterator[str]:
    """Say what the document has against a request."""
    content = documented.get("requestBody", {}).get("content", {})
    if JSON in content:
        yield from complaints(content[JSON]["schema"], json.loads(body))
    elif FORM in content:
        schema = content[FORM]["schema"]
        sent = parse_form(parse_qsl(body.decode(), keep_blank_values=True))
        yield from complaints(schema, typed(schema, sent))
    parameters = [
        parameter
        for parameter in documented.get("parameters", [])
        if parameter["in"] == "query"
    ]
    schema = {
        "type": "object",
        "properties": {
            parameter["name"]: parameter["schema"] for parameter in parameters
        },
        "required": [
            parameter["name"] for parameter in parameters if parameter["required"]
        ],
    }
    yield from complaints(schema, typed(schema, parse_form(parse_qsl(query))))


def answer_complaints(
    documented: Any | None, status: int, body: bytes
) -> Iterator[str]:
    """Say what the document has against an answer."""
    schema = ERRORS_OF_ANY_PATH
    if documented is not None:
        answer = documented["responses"].get(
            str(status), documented["responses"]["default"]
        )
        schema = answer["content"][JSON]["schema"]
    elif status == 200:
        return
    yield from complaints(schema, json.loads(body))


class ContractJudge:
    """An ASGI app around another one that holds its exchanges against the document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.found: list[str] = []
        self.seen: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []
        got: list[Message] = []

        async def receive_noted() -> Message:
            got.append(await receive())
            return got[-1]

        async def send_noted(message: Message) -> None:
            sent.append(message)
            await send(message)

        await self.app(scope, receive_noted, send_noted)
        request_body = b"".join(message.get("body", b"") for message in got)
        answered = b"".join(message.get("body", b"") for message in sent)
        self._judge(scope, request_body, sent[0]["status"], answered)

    def _judge(
        self, scope: Scope, request_body: bytes, status: int, answered: bytes
    ) -> None:
        method, path = scope["method"], scope["path"]
        documented = operation(method, path)
        complaints_made = list(answer_complaints(documented, status, answered))
        if documented is not None:
            self.seen.add(
                (documented["operationId"], "done" if status == 200 else "error")
            )
            # What was refused may well have been against the document.
            if status == 200:
                query = scope["query_string"].decode()
                complaints_made += request_complaints(documented, query, request_body)
        self.found += [
            f"{method} {path} {status}: {complaint}" for complaint in complaints_made
        ]
