"""Records of any source: each is read into a call, or set aside with a reason."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

import orjson

from billing.domain.call import Call, Quarantined, QuarantineReason, Unreadable
from billing.domain.call_fields import read_id, read_time

Record = Mapping[str, object]


def understand(
    record: object,
    read_call: Callable[[str, Record], Call],
    *,
    account: str,
    id_field: str,
) -> Call | Quarantined:
    """Read one record; `read_call` makes the call of an id and its record.

    It leaves the customer's key to the account's rules, and raises Unreadable.
    """
    if not isinstance(record, Mapping):
        # Nobody knows what such text holds: its kind is told, and none of it kept.
        kind = f"it is a {type(record).__name__}"
        return Quarantined(
            account=account,
            call_id=None,
            reason=QuarantineReason.NOT_AN_OBJECT,
            detail=kind,
        )
    call_id: str | None = None
    try:
        call_id = read_id(record, id_field)
        return read_call(call_id, record)
    except Unreadable as fault:
        return fault.quarantined(account, call_id)


def readable_time(record: object, field: str) -> datetime | None:
    """Return a time of a record that is otherwise not understood, where it is one."""
    if not isinstance(record, Mapping):
        return None
    try:
        return read_time(record, field)
    except Unreadable:
        return None


def digest_of(record: object) -> str:
    """Return the SHA-256 of what the source sent, with its keys in order."""
    try:
        text = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number beyond 64 bits
        text = json.dumps(record, sort_keys=True).encode()
    return sha256(text).hexdigest()
