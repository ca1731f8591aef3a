"""Tool calls: which tools a call has, what it asks of them, and what they answer."""

from collections.abc import Mapping

import orjson

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import Document
from billing.sandbox.pamela.errors import invalid
from billing.sandbox.signed_delivery import Reply, canonical

USUAL_TIMEOUT_MS = 30_000
LONGEST_TIMEOUT_MS = 300_000
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
        _check_arguments(tool)
        tools.setdefault(tool["name"], tool)
    for tool in account.tools.values():
        if tool["active"]:
            tools.setdefault(str(tool["name"]), tool)
    return list(tools.values())


def timeout_ms(tool: Document) -> int:
    """Return how long a tool may take."""
    timeout = tool.get("timeout_ms")
    if type(timeout) is int and 0 < timeout <= LONGEST_TIMEOUT_MS:
        return timeout
    return USUAL_TIMEOUT_MS


def made_up(schema: object, depth: int = 0) -> object:
    """Return the same plain value for the same schema: of objects what is required."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return "example"
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        values = schema.get(key)
        if isinstance(values, list) and values:
            return values[0]
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


def read_reply(text: str) -> object:
    """Read a reply's JSON; ValueError for what cannot be written again, either."""
    value: object = orjson.loads(text)
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from error
    return value


def checked_reply(reply: Reply) -> tuple[Reply, object]:
    """Return a tool's reply, an error if it holds no result, and the result."""
    if reply.error is not None:
        return reply, None
    try:
        answer = read_reply(reply.body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "result" not in answer:
        text = "the reply is no JSON object with a result"
        return Reply(reply.status, reply.body, text), None
    return reply, answer["result"]


def _check_arguments(tool: Document) -> None:
    try:
        canonical(arguments_for(tool))
    except RecursionError as error:
        raise invalid("A tool's input_schema is too deep.", field="tools") from error


def _made_up_object(schema: Mapping[object, object], depth: int) -> Document:
    required, fields = schema.get("required"), schema.get("properties")
    if not isinstance(required, list):
        return {}
    schemas = fields if isinstance(fields, Mapping) else {}
    names = [name for name in required if isinstance(name, str)]
    return {name: made_up(schemas.get(name), depth + 1) for name in names}
