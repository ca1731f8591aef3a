"""Tools by name: what they take, what runs, and what is answered."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pamela._tool_endpoint import ToolReply
from pamela._webhook_events import parse_tool_webhook
from pamela.exceptions import PamelaError, ValidationError
from pamela.types import JSONObject, ToolDefinition, ToolWebhookParsed

Tool = Callable[[ToolWebhookParsed], Any]
F = TypeVar("F", bound=Tool)


@dataclass(frozen=True, slots=True)
class RoutedTool:
    """A tool: its definition, its function, and how it judges arguments."""

    definition: ToolDefinition
    run: Tool
    complaint: Callable[[JSONObject], str | None]


class ToolRouter:
    """Runs the tool a webhook names; a handler for `create_tool_handler`."""

    def __init__(self) -> None:
        self._tools: dict[str, RoutedTool] = {}

    def tool(
        self, name: str, description: str = "", *, input_schema: JSONObject
    ) -> Callable[[F], F]:
        """Register a function, sync or async, that takes the parsed webhook."""
        if name in self._tools:
            raise ValidationError(f"there is a tool {name!r} already")
        complaint = _checker(input_schema)
        definition: ToolDefinition = {
            "name": name,
            "description": description,
            "input_schema": input_schema,
        }

        def register(run: F) -> F:
            self._tools[name] = RoutedTool(definition, run, complaint)
            return run

        return register

    def definitions(self) -> list[ToolDefinition]:
        """Return all tools as `create_call(tools=...)` takes them."""
        return [tool.definition for tool in self._tools.values()]

    async def __call__(self, payload: Mapping[str, object]) -> ToolReply:
        """Answer a request to run a tool with `result`, or with `error` and 400."""
        try:
            request = parse_tool_webhook(payload)
        except ValidationError as error:
            return ToolReply(400, {"error": error.message})
        echo = {"correlation_id": request["correlation_id"]}
        tool = self._tools.get(request["tool_name"])
        if tool is None:
            return ToolReply(400, {"error": "Unknown tool", **echo})
        complaint = tool.complaint(request["arguments"])
        if complaint is not None:
            return ToolReply(400, {"error": complaint, **echo})
        return ToolReply(200, {"result": await _result(tool.run, request), **echo})


async def _result(run: Tool, request: ToolWebhookParsed) -> Any:
    if inspect.iscoroutinefunction(run):
        return await run(request)
    # What blocks must not hold up the event loop.
    result = await asyncio.to_thread(run, request)
    return await result if isinstance(result, Awaitable) else result


def _checker(schema: JSONObject) -> Callable[[JSONObject], str | None]:
    try:
        # Imported here because it is an extra, and slow to load.
        import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415 # no types
        from referencing import Registry  # noqa: PLC0415
    except ImportError:
        raise PamelaError(
            "a ToolRouter needs jsonschema: install pamela-billing[webhooks]"
        ) from None
    kind = jsonschema.validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValidationError(
            f"input_schema is no JSON Schema: {error.message}"
        ) from None
    # An empty registry: no schema is ever fetched from elsewhere.
    checker = kind(schema, registry=Registry())

    def complaint(arguments: JSONObject) -> str | None:
        errors = checker.iter_errors(arguments)
        return next((f"{e.json_path}: {e.message}" for e in errors), None)

    return complaint
