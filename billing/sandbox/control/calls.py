"""Calls that a person or a test puts into the sandbox, however broken they are."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import (
    BLANK,
    LONGEST_SECONDS,
    TERMINAL,
    Call,
    Document,
    billed_minutes,
    call_as_given,
    moment_of,
    read_moment,
    written,
)
from billing.sandbox.pamela.state import PamelaState

SCRIPT = "_sandbox"


class ControlError(ValueError):
    """What was asked of the control surface makes no sense; the text says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def take_calls(
    state: PamelaState, account: Account, documents: object, now: datetime
) -> Document:
    """Add the calls of a JSON list, or change those whose id is known; all or none.

    Fields are served back as they are. Those that are not given follow from the
    others or are null. A call is visible from its `created_at`; the key `_sandbox`
    may say otherwise: `{"visible_at": time, "then": [{"at": time, "fields": {}}]}`.
    """
    if not isinstance(documents, list):
        raise ControlError("a JSON list of calls is expected")
    with state.lock:
        taken: dict[str, Call] = {}
        added = []
        for position, document in enumerate(documents):
            if not isinstance(document, dict):
                raise ControlError(f"call {position} is not a JSON object")
            call_id = str(document.get("id") or state.new_id("call"))
            earlier = taken.get(call_id) or account.call_list.get(call_id)
            taken[call_id] = _taken(call_id, earlier, dict(document), now)
            if earlier is None:
                added.append(call_id)
        state.put_calls(account, taken.values(), now)
    return {
        "ids": list(taken),
        "added": len(added),
        "changed": len(taken) - len(added),
    }


def _taken(call_id: str, earlier: Call | None, fields: Document, now: datetime) -> Call:
    script = fields.pop(SCRIPT, {})
    if not isinstance(script, Mapping):
        raise ControlError(f"{SCRIPT} is an object")
    before = _new(call_id, fields, now) if earlier is None else earlier.final()
    document = _completed(before | fields, fields)
    created = read_moment(document["created_at"]) or now
    opens = created if earlier is None else moment_of(earlier.opens)
    if "visible_at" in script:
        opens = needed_moment(script["visible_at"], f"{SCRIPT}.visible_at")
    then = script.get("then", [])
    if not isinstance(then, list):
        raise ControlError(f"{SCRIPT}.then is a list")
    revisions = [_revision(step) for step in then]
    return call_as_given(
        call_id, document, created=created, opens=opens, revisions=revisions
    )


def _new(call_id: str, fields: Document, now: datetime) -> Document:
    created = fields.get("started_at")
    if read_moment(created) is None:
        created = written(now)
    return BLANK | {"id": call_id, "status": "completed", "created_at": created}


def _completed(document: Document, fields: Document) -> Document:
    """Fill in what follows from these fields, where they do not say it themselves."""
    started, seconds = read_moment(document["started_at"]), document["duration_seconds"]
    if "duration_seconds" not in fields and "started_at" not in fields:
        return document
    if started is None or type(seconds) is not int:
        return document
    if not 0 <= seconds <= LONGEST_SECONDS or document["status"] not in TERMINAL:
        return document
    follows: Document = {"billed_minutes": billed_minutes(seconds)}
    # The year 10000 has no date; the field then stays as it was.
    with suppress(OverflowError):
        follows["ended_at"] = written(started + timedelta(seconds=seconds))
    return document | follows | fields


def _revision(step: object) -> tuple[datetime, Document]:
    if not isinstance(step, Mapping) or not isinstance(step.get("fields"), dict):
        raise ControlError(f'{SCRIPT}.then is a list of {{"at": time, "fields": {{}}}}')
    return needed_moment(step.get("at"), f"{SCRIPT}.then.at"), step["fields"]


def needed_moment(value: object, name: str) -> datetime:
    """Read an ISO 8601 time with its offset, or say what is wrong with it."""
    moment = read_moment(value)
    if moment is None or datetime.fromisoformat(str(value)).tzinfo is None:
        raise ControlError(f"{name} is an ISO 8601 time with an offset, got {value!r}")
    return moment
