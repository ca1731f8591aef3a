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
    Listener,
    Step,
    event_payload,
    is_over,
    next_look,
    steps,
    with_line,
)
from billing.sandbox.pamela.webhooks.tool_calls import arguments_for, judged, timeout_ms
from billing.sandbox.signed_delivery import (
    TOOL_CALL,
    USUAL_TIMEOUT_MS,
    Delivery,
    Reply,
    canonical,
    sign,
)


class Webhooks:
    """Listeners and deliveries; decides and remembers, sends nothing itself.

    Moments are microseconds since 1970. Safe to use from many threads.
    """

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._listeners: dict[str, Listener] = {}
        self._open: dict[str, Listener] = {}
        self._deliveries: list[Delivery] = []
        self._pending: dict[str, Delivery] = {}

    def follow(self, listener: Listener) -> None:
        """Report a call from now on."""
        with self._lock:
            self._listeners[listener.call_id] = listener
            self._open[listener.call_id] = listener

    def listener(self, call_id: str) -> Listener | None:
        """Return who follows a call."""
        return self._listeners.get(call_id)

    def deliveries(self, call_id: str | None = None) -> list[Delivery]:
        """Return the deliveries of one call or of all, oldest first."""
        with self._lock:
            return [one for one in self._deliveries if call_id in {None, one.call_id}]

    def due(self, now: int, *, busy: Iterable[str] = ()) -> dict[str, list[Delivery]]:
        """Return what is to be sent now, by call and in order; not of busy calls."""
        found: dict[str, list[Delivery]] = {}
        if not self._open and not self._pending:
            return found
        with self._lock:
            for listener in list(self._open.values()):
                self._look(listener, now)
            for one in self._pending.values():
                if one.due is not None and one.due <= now and one.call_id not in busy:
                    found.setdefault(one.call_id, []).append(one)
        return found

    def ask(
        self,
        listener: Listener,
        tool: Document,
        arguments: Document,
        now: int,
        *,
        by_hand: bool = False,
    ) -> Delivery:
        """Let a call ask a tool; `by_hand`: whoever asks sends it, too."""
        with self._lock:
            call, account = listener.call(), listener.account
            number = listener.next_number()
            session = None if call is None else call.final().get("call_session_id")
            payload: Document = {
                "tool_name": tool["name"],
                "arguments": arguments,
                "call_id": listener.call_id,
                "correlation_id": f"corr_{listener.call_id}_{number}",
                "call_session_id": session,
                "partner_id": account.partner_id,
                "project_id": account.project_id,
            }
            known = {name: told for name, told in payload.items() if told is not None}
            made = self._make(listener, TOOL_CALL, known, now, timeout=timeout_ms(tool))
            if by_hand:
                made.due = None
            return made

    def settle(self, delivery: Delivery, reply: Reply, now: int) -> None:
        """Note what came of an attempt; a tool's result becomes part of its call."""
        with self._lock:
            asked = delivery.event == TOOL_CALL
            reply, result = judged(reply) if asked else (reply, None)
            delivery.settle(reply, now)
            if delivery.status != "pending":
                self._pending.pop(delivery.id, None)
            listener = self._listeners[delivery.call_id]
            listener.seen = None
            call = listener.call()
            if asked and reply.error is None and call is not None:
                name = json.loads(delivery.body)["tool_name"]
                said = _with_result(call, name, result)
                listener.account.book.put([said], now)
                self._tell(listener, Step(now, UPDATED), said, now)

    def to_state(self) -> Document:
        """Return everything as plain JSON values."""
        return {
            "listeners": [one.to_state() for one in self._listeners.values()],
            "open": list(self._open),
            "deliveries": [one.to_state() for one in self._deliveries],
        }

    def restore(self, saved: dict[str, Any], accounts: list[Account]) -> None:
        """Take over what `to_state` wrote down."""
        owners = {account.name: account for account in accounts}
        for facts in saved.get("listeners", []):
            listener = Listener(**facts | {"account": owners[facts["account"]]})
            self._listeners[listener.call_id] = listener
        self._open = {name: self._listeners[name] for name in saved.get("open", [])}
        for facts in saved.get("deliveries", []):
            self._keep(Delivery.from_state(facts))

    def _look(self, listener: Listener, now: int) -> None:
        call = listener.call()
        if call is None:
            del self._open[listener.call_id]
            return
        if listener.sleeps(call, now):
            return
        body = call.body_at(now)
        if body is None:
            listener.seen, listener.wakes = call, call.opens
            return
        shown = read_json(body)
        listener.seen, listener.wakes = call, next_look(call, shown, now)
        for step in steps(shown, now):
            if step.event in {COMPLETED, FAILED} and self._asks(listener):
                return  # the answer belongs into the call's last transcript
            if step.event not in listener.told:
                listener.told.append(step.event)
                self._take(listener, step, call, now)
        if is_over(shown) and not self._asks(listener):
            del self._open[listener.call_id]

    def _take(self, listener: Listener, step: Step, call: Call, now: int) -> None:
        if step.event != TOOL_CALL:
            self._tell(listener, step, call, now)
        elif listener.tool_webhook_url is not None and listener.tools:
            tool = listener.tools[0]
            self.ask(listener, tool, arguments_for(tool), now)

    def _tell(self, listener: Listener, step: Step, call: Call, now: int) -> None:
        if listener.webhook_url is not None:
            listener.next_number()
            self._make(listener, step.event, event_payload(step, call), now)

    def _asks(self, listener: Listener) -> bool:
        return any(
            one.call_id == listener.call_id and one.event == TOOL_CALL
            for one in self._pending.values()
        )

    def _make(
        self,
        listener: Listener,
        event: str,
        payload: Document,
        now: int,
        *,
        timeout: int = USUAL_TIMEOUT_MS,
    ) -> Delivery:
        body = canonical(payload)
        asked = event == TOOL_CALL
        target = listener.tool_webhook_url if asked else listener.webhook_url
        return self._keep(
            Delivery(
                id=f"whd_{listener.call_id}_{listener.sent}",
                call_id=listener.call_id,
                event=event,
                target_url=str(target),
                body=body,
                signature=sign(body, listener.account.webhook_secret),
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
    said = []
    for at, body in call.stages:
        shown = read_json(body)
        heard = with_line(shown.get("transcript"), f"Tool {tool}", text)
        said.append((at, write_json(shown | {"transcript": heard})))
    return replace(call, stages=tuple(said))
