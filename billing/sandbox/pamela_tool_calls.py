"""Tool calls: which tools a call has, what it asks of them, and what they answer."""

import json
from collections.abc import Mapping

from billing.sandbox.pamela_accounts import Account
from billing.sandbox.pamela_calls import Document
from billing.sandbox.pamela_deliveries import Reply
from billing.sandbox.pamela_errors import invalid

USUAL_TIMEOUT_MS = 30_000
DEEPEST = 8  # levels of a schema for which arguments are made up
OF_TYPE: Document = {"boolean": True, "array": [], "null": None}


def tools_of(account: Account, request: Document) -> list[Document]:
    """Return a new call's tools: its own, then those registered, one of each name."""
    own = request.get("tools") or []
    assert isinstance(own, list), "the request has been checked"  # noqa: S101 - narrows
    tools: dict[str, Document] = {}
    for tool in own:
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise invalid("A tool is an object with a name.", field="tools")
        if not isinstance(tool.get("input_schema"), dict | None):
            raise invalid("A tool's input_schema is an object.", field="tools")
        tools.setdefault(tool["name"], tool)
    for tool in account.tools.values():
        if tool["active"]:
            tools.setdefault(str(tool["name"]), tool)
    return list(tools.values())


def timeout_ms(tool: Document) -> int:
    """Return how long a tool may take."""
    given = tool.get("timeout_ms")
    return given if type(given) is int and given > 0 else USUAL_TIMEOUT_MS


def made_up(schema: object, depth: int = 0) -> object:
    """Return the same plain value for the same schema: of objects what is required."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return "example"
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        given = schema.get(key)
        if isinstance(given, list) and given:
            return given[0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        return _made_up_object(schema, depth)
    if kind in {"integer", "number"}:
        least = schema.get("minimum", 1)
        return least if isinstance(least, int) else 1
    return OF_TYPE.get(kind, "example") if isinstance(kind, str) else "example"


def arguments_for(tool: Document) -> Document:
    """Make up the arguments that a tool requires."""
    schema = tool.get("input_schema")
    return _made_up_object(schema, 0) if isinstance(schema, Mapping) else {}


def judged(reply: Reply) -> tuple[Reply, object]:
    """Return a tool's reply, an error if it holds no result, and the result."""
    if reply.error is not None:
        return reply, None
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or "result" not in answer:
        text = "the reply is no JSON object with a result"
        return Reply(reply.status, reply.body, text), None
    return reply, answer["result"]


def _made_up_object(schema: Mapping[object, object], depth: int) -> Document:
    required, fields = schema.get("required"), schema.get("properties")
    if not isinstance(required, list):
        return {}
    known = fields if isinstance(fields, Mapping) else {}
    names = [name for name in required if isinstance(name, str)]
    return {name: made_up(known.get(name), depth + 1) for name in names}
