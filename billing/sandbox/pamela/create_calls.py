"""Calls that clients of the sandbox make and end: checked, then played by the clock."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import (
    BLANK,
    TERMINAL,
    Document,
    billed_minutes,
    call_that_ends,
    micros,
    read_json,
    read_moment,
    write_json,
    written,
)
from billing.sandbox.pamela.errors import Code, Refusal, invalid
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.pamela.webhooks.subscriptions import WebhookSubscription
from billing.sandbox.pamela.webhooks.tool_calls import tools_of

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
COUNTRIES = frozenset({"US", "GB", "CA"})
VOICES = frozenset({"male", "female", "auto"})
FROM_NUMBER = "+15550109"
LONGEST_SECONDS = 3600
USUAL_SECONDS = 299
RINGING_SECONDS = 6
TEXTS = (
    "country",
    "locale",
    "instructions",
    "agent_name",
    "caller_name",
    "end_user_id",
)


def create_call(
    state: PamelaState, account: Account, request: Document, now: datetime
) -> Document:
    """Dial: the call rings, is answered and ends as the clock moves on."""
    _check_call(request)
    tools = tools_of(account, request)
    chance = state.chance()
    longest = request.get("max_duration_seconds")
    seconds = chance.randint(1, longest if isinstance(longest, int) else USUAL_SECONDS)
    started = now + timedelta(seconds=RINGING_SECONDS)
    document = BLANK | {
        "id": state.new_id("call"),
        "status": "completed",
        "call_session_id": state.new_id("cs"),
        "conversation_id": state.new_id("conv"),
        "duration_seconds": seconds,
        "billed_minutes": billed_minutes(seconds),
        "transcript": "Agent: Hello, this is Pamela.",
        "summary": "The task was done.",
        "created_at": written(now),
        "started_at": written(started),
        "ended_at": written(started + timedelta(seconds=seconds)),
        "metadata": request.get("metadata") or {},
    }
    call = call_that_ends(document)
    with state.lock:
        state.put_calls(account, [call], now)
        _subscribe(state, account, call.id, request, tools=tools)
    shown = read_json(state.visible_call(account, call.id, now)[1])
    return _reply(shown, now, "Call created.") | {
        "to": request["to"],
        "from_number": FROM_NUMBER,
        "task": request["task"],
    }


def end_call(
    state: PamelaState, account: Account, call_id: str, now: datetime, *, hangup: bool
) -> Document:
    """Cancel a call, or hang up: an answered one then counts as completed.

    What was spoken until now is its duration. A call that is over is refused.
    """
    with state.lock:
        call, body = state.visible_call(account, call_id, now)
        shown = read_json(body)
        if shown["status"] in TERMINAL:
            message = f"The call is already {shown['status']}."
            raise invalid(message, state.terminal_conflict, call_id=call_id)
        heard = call.final().get("transcript")
        ended = _ended(shown, now, heard, hangup=hangup)
        end = (micros(now), write_json(ended))
        state.put_calls(account, [replace(call, stages=(end,))], now)
    return _reply(ended, now, "Call ended." if hangup else "Call cancelled.")


def _subscribe(
    state: PamelaState,
    account: Account,
    call_id: str,
    request: Document,
    *,
    tools: list[Document],
) -> None:
    webhooks = request.get("webhooks")
    if not isinstance(webhooks, dict) or not webhooks:
        return
    state.webhooks.subscribe(
        WebhookSubscription(
            account=account,
            call_id=call_id,
            webhook_url=webhooks.get("webhook_url") or None,
            tool_webhook_url=webhooks.get("tool_webhook_url") or None,
            tools=tools,
        )
    )


def _ended(shown: Document, now: datetime, heard: object, *, hangup: bool) -> Document:
    started = read_moment(shown.get("started_at"))
    ended = shown | {"status": "cancelled", "ended_at": written(now)}
    if started is None:
        return ended
    seconds = max((now - started) // timedelta(seconds=1), 0)
    spoken: Document = {
        "duration_seconds": seconds,
        "billed_minutes": billed_minutes(seconds),
        "transcript": heard,
    }
    return ended | spoken | ({"status": "completed"} if hangup else {})


def _reply(shown: Document, now: datetime, message: str) -> Document:
    """Return the short form of a call that the API answers to a change."""
    names = ("id", "status", "call_session_id", "conversation_id", "created_at")
    facts = {name: shown.get(name) for name in names}
    return facts | {"updated_at": written(now), "message": message, "success": True}


def _check_call(request: Document) -> None:
    to, task = request.get("to"), request.get("task")
    if not isinstance(to, str):
        raise invalid("to is required: a phone number in E.164 form.", field="to")
    if not E164.fullmatch(to):
        raise Refusal(
            400,
            Code.PHONE_NUMBER,
            "to is not a phone number in E.164 form.",
            {"to": to},
        )
    if not isinstance(task, str) or not task.strip():
        raise invalid("task is required: what the call is for.", field="task")
    for name in TEXTS:
        if not isinstance(request.get(name), str | None):
            raise invalid(f"{name} is a text.", field=name)
    country = request.get("country")
    if country is not None and country not in COUNTRIES:
        message = f"{country} is not served; choose one of {sorted(COUNTRIES)}."
        raise Refusal(400, Code.UNSUPPORTED_COUNTRY, message)
    _check_options(request)


def _check_options(request: Document) -> None:
    longest = request.get("max_duration_seconds")
    if longest is not None and (
        type(longest) is not int or not 1 <= longest <= LONGEST_SECONDS
    ):
        raise invalid(
            f"max_duration_seconds is 1 to {LONGEST_SECONDS}.",
            field="max_duration_seconds",
        )
    if request.get("voice") not in VOICES | {None}:
        raise invalid(f"voice is one of {sorted(VOICES)}.", field="voice")
    for name, kind in (("metadata", dict), ("webhooks", dict), ("tools", list)):
        if not isinstance(request.get(name), kind | None):
            raise invalid(f"{name} is not of the right type.", field=name)
    webhooks = request.get("webhooks") or {}
    if isinstance(webhooks, dict) and not all(
        isinstance(url, str | None) for url in webhooks.values()
    ):
        raise invalid("webhooks names URLs.", field="webhooks")
