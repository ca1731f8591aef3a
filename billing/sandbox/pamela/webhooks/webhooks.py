"""The webhooks of the sandbox's Pamela: what is due, and what came of it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from threading import RLock
from typing import Any

import orjson

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import (
    Call,
    Document,
    moment_of,
    read_json,
    write_json,
    written,
)
from billing.sandbox.pamela.webhooks.subscriptions import (
    COMPLETED,
    FAILED,
    UPDATED,
    Step,
    WebhookSubscription,
    event_payload,
    is_over,
    next_look,
    steps,
    with_line,
)
from billing.sandbox.pamela.webhooks.tool_calls import (
    arguments_for,
    checked_reply,
    timeout_ms,
)
from billing.sandbox.signed_delivery import (
    TOOL_CALL,
    USUAL_TIMEOUT_MS,
    Delivery,
    Reply,
    canonical,
    sign,
)


class Webhooks:
    """Subscriptions and deliveries; decides and remembers, sends nothing itself.

    Moments are microseconds since 1970. Safe to use from many threads.
    """

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._subscriptions: dict[str, WebhookSubscription] = {}
        self._open: dict[str, WebhookSubscription] = {}
        self._deliveries: list[Delivery] = []
        self._pending: dict[str, Delivery] = {}

    def subscribe(self, subscription: WebhookSubscription) -> None:
        """Report a call from now on."""
        with self._lock:
            self._subscriptions[subscription.call_id] = subscription
            self._open[subscription.call_id] = subscription

    def subscription(self, call_id: str) -> WebhookSubscription | None:
        """Return who follows a call."""
        return self._subscriptions.get(call_id)

    def deliveries(self, call_id: str | None = None) -> list[Delivery]:
        """Return the deliveries of one call or of all, oldest first."""
        with self._lock:
            return [d for d in self._deliveries if call_id in {None, d.call_id}]

    def due(self, now: int, *, busy: Iterable[str] = ()) -> dict[str, list[Delivery]]:
        """Return what is to be sent now, by call and in order; not of busy calls."""
        due: dict[str, list[Delivery]] = {}
        if not self._open and not self._pending:
            return due
        with self._lock:
            for subscription in list(self._open.values()):
                self._look(subscription, now)
            for delivery in self._pending.values():
                is_due = delivery.due is not None and delivery.due <= now
                if is_due and delivery.call_id not in busy:
                    due.setdefault(delivery.call_id, []).append(delivery)
        return due

    def call_tool(
        self,
        subscription: WebhookSubscription,
        tool: Document,
        arguments: Document,
        now: int,
        *,
        by_hand: bool = False,
    ) -> Delivery:
        """Let a call ask a tool; `by_hand`: whoever asks sends it, too."""
        with self._lock:
            call, account = subscription.call(), subscription.account
            number = subscription.next_number()
            session = None if call is None else call.final().get("call_session_id")
            payload: Document = {
                "tool_name": tool["name"],
                "arguments": arguments,
                "call_id": subscription.call_id,
                "correlation_id": f"corr_{subscription.call_id}_{number}",
                "call_session_id": session,
                "partner_id": account.partner_id,
                "project_id": account.project_id,
            }
            filled = {k: value for k, value in payload.items() if value is not None}
            made = self._make(
                subscription, TOOL_CALL, filled, now, timeout=timeout_ms(tool)
            )
            if by_hand:
                made.due = None
            return made

    def settle(self, delivery: Delivery, reply: Reply, now: int) -> None:
        """Note what came of an attempt; a tool's result becomes part of its call."""
        with self._lock:
            is_tool_call = delivery.event == TOOL_CALL
            reply, result = checked_reply(reply) if is_tool_call else (reply, None)
            delivery.settle(reply, now)
            if delivery.status != "pending":
                self._pending.pop(delivery.id, None)
            subscription = self._subscriptions[delivery.call_id]
            subscription.seen = None
            call = subscription.call()
            if is_tool_call and reply.error is None and call is not None:
                name = json.loads(delivery.body)["tool_name"]
                revised = _with_result(call, name, result)
                subscription.account.call_list.put([revised], now)
                self._report(subscription, Step(now, UPDATED), revised, now)

    def to_state(self) -> Document:
        """Return everything as plain JSON values."""
        return {
            "listeners": [s.to_state() for s in self._subscriptions.values()],
            "open": list(self._open),
            "deliveries": [d.to_state() for d in self._deliveries],
        }

    def restore(self, saved: dict[str, Any], accounts: list[Account]) -> None:
        """Take over what `to_state` wrote down."""
        owners = {account.name: account for account in accounts}
        for facts in saved.get("listeners", []):
            account = owners[facts["account"]]
            subscription = WebhookSubscription.from_state(facts, account)
            self._subscriptions[subscription.call_id] = subscription
        self._open = {name: self._subscriptions[name] for name in saved.get("open", [])}
        for facts in saved.get("deliveries", []):
            self._keep(Delivery.from_state(facts))

    def _look(self, subscription: WebhookSubscription, now: int) -> None:
        call = subscription.call()
        if call is None:
            del self._open[subscription.call_id]
            return
        if subscription.is_quiet(call, now):
            return
        body = call.body_at(now)
        if body is None:
            subscription.seen, subscription.next_look = call, call.opens
            return
        shown = read_json(body)
        subscription.seen, subscription.next_look = call, next_look(call, shown, now)
        for step in steps(shown, now):
            if step.event in {COMPLETED, FAILED} and self._awaits_tool(subscription):
                return  # the answer belongs into the call's last transcript
            if step.event not in subscription.reported:
                subscription.reported.append(step.event)
                self._take(subscription, step, call, now)
        if is_over(shown) and not self._awaits_tool(subscription):
            del self._open[subscription.call_id]

    def _take(
        self, subscription: WebhookSubscription, step: Step, call: Call, now: int
    ) -> None:
        if step.event != TOOL_CALL:
            self._report(subscription, step, call, now)
        elif subscription.tool_webhook_url is not None and subscription.tools:
            tool = subscription.tools[0]
            self.call_tool(subscription, tool, arguments_for(tool), now)

    def _report(
        self, subscription: WebhookSubscription, step: Step, call: Call, now: int
    ) -> None:
        if subscription.webhook_url is not None:
            subscription.next_number()
            self._make(subscription, step.event, event_payload(step, call), now)

    def _awaits_tool(self, subscription: WebhookSubscription) -> bool:
        return any(
            delivery.call_id == subscription.call_id and delivery.event == TOOL_CALL
            for delivery in self._pending.values()
        )

    def _make(
        self,
        subscription: WebhookSubscription,
        event: str,
        payload: Document,
        now: int,
        *,
        timeout: int = USUAL_TIMEOUT_MS,
    ) -> Delivery:
        body = canonical(payload)
        is_tool_call = event == TOOL_CALL
        target = (
            subscription.tool_webhook_url if is_tool_call else subscription.webhook_url
        )
        return self._keep(
            Delivery(
                id=f"whd_{subscription.call_id}_{subscription.sent}",
                call_id=subscription.call_id,
                event=event,
                target_url=str(target),
                body=body,
                signature=sign(body, subscription.account.webhook_secret),
                created_at=written(moment_of(now)),
                due=now,
                timeout_ms=timeout,
            )
        )

    def _keep(self, delivery: Delivery) -> Delivery:
        self._deliveries.append(delivery)
        if delivery.status == "pending":
            self._pending[delivery.id] = delivery
        return delivery


def _with_result(call: Call, tool: str, result: object) -> Call:
    text = orjson.dumps(result).decode()
    stages = []
    for at, body in call.stages:
        shown = read_json(body)
        heard = with_line(shown.get("transcript"), f"Tool {tool}", text)
        stages.append((at, write_json(shown | {"transcript": heard})))
    return replace(call, stages=tuple(stages))
