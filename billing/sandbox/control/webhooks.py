"""What people and tests ask of webhooks: to see deliveries, and to call a tool."""

import json

from billing.sandbox.control.calls import ControlError
from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import Document, micros, read_json
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.pamela.webhooks.subscriptions import WebhookSubscription
from billing.sandbox.pamela.webhooks.tool_calls import read_reply
from billing.sandbox.webhook_sender import deliver, new_client
from billing.sandbox.world import Sandbox


def show_deliveries(state: PamelaState, call_id: str | None) -> Document:
    """Return the deliveries of one call or of all, oldest first."""
    return {
        "items": [delivery.to_json() for delivery in state.webhooks.deliveries(call_id)]
    }


async def call_tool(sandbox: Sandbox, account: Account, wanted: Document) -> Document:
    """Let a call in progress ask a tool at once, and return what it was answered."""
    call_id, name = wanted.get("call_id"), wanted.get("tool_name")
    arguments = wanted.get("arguments", {})
    if not isinstance(call_id, str) or not isinstance(name, str):
        raise ControlError("call_id and tool_name are texts")
    if not isinstance(arguments, dict):
        raise ControlError("arguments is an object")
    try:
        json.dumps(arguments, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"arguments is no plain JSON: {error}") from error
    subscription = _subscription(sandbox, account, call_id)
    tool = subscription.tool(name)
    if tool is None:
        raise ControlError(f"the call {call_id} has no tool {name}")
    now = micros(sandbox.clock.now())
    webhooks = sandbox.pamela.webhooks
    delivery = webhooks.call_tool(subscription, tool, arguments, now, by_hand=True)
    shown: Document = {"delivery_id": delivery.id, "status": None, "body": None}
    if delivery.status == "pending":
        async with new_client() as client:
            reply = await deliver(client, sandbox, delivery)
        if reply.status is not None:
            shown |= {"status": reply.status, "body": _read(reply.body)}
    return shown | {"error": delivery.error}


def _subscription(
    sandbox: Sandbox, account: Account, call_id: str
) -> WebhookSubscription:
    state, now = sandbox.pamela, sandbox.clock.now()
    call = account.call_list.get(call_id)
    body = None if call is None else call.body_at(micros(now))
    if body is None:
        raise ControlError(f"there is no call {call_id}", 404)
    if read_json(body).get("status") != "in_progress":
        raise ControlError(f"the call {call_id} is not in progress", 409)
    subscription = state.webhooks.subscription(call_id)
    if subscription is None or subscription.tool_webhook_url is None:
        raise ControlError(f"the call {call_id} has no tool_webhook_url")
    return subscription


def _read(text: str) -> object:
    try:
        return read_reply(text)
    except ValueError:
        return text
