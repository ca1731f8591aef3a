"""Alterations of a live ledger by SQL, its guards dropped, and what a run must say."""

from typing import NamedTuple

USAGE = (
    "INSERT INTO b2b_usage (type, account, customer, call_id, call_revision, period, "
    "hour, call_hour, billed_minutes, amount_micro, currency, price_id, pull_id, "
    "posted_at) SELECT type, account, customer, 'forged', 1, period, hour, call_hour, "
    "100, 10000000, currency, price_id, pull_id, posted_at FROM b2b_usage WHERE id = 1"
)
CALL = (
    "INSERT INTO call (account, call_id, revision, period, status, created_at, "
    "started_at, duration_seconds, source_minutes, customer, minutes_gap, "
    "extract_sha256, source_sha256, pull_id) SELECT account, 'forged', 1, period, "
    "status, created_at, started_at, 6000, source_minutes, customer, minutes_gap, "
    "extract_sha256, source_sha256, pull_id FROM call WHERE id = 1"
)
BELOW = USAGE.replace("(type", "(id, type").replace("SELECT type", "SELECT -7, type")
CALL_BELOW = CALL.replace("(account", "(id, account").replace(
    "SELECT account", "SELECT -7, account"
)


class LiveAlteration(NamedTuple):
    """What somebody does to the ledger, and the row that the next run names."""

    statements: str
    named: str
    after_hours: int = 0


# A ledger has four synced events, and a call of the hour that goes on.
LIVE: dict[str, LiveAlteration] = {
    "synced events are set to pending": LiveAlteration(
        "UPDATE meter_event SET state = 'pending', evidence = NULL WHERE "
        "state = 'synced'",
        "row 1 of meter_event",
    ),
    "a call and its usage are put in": LiveAlteration(
        f"{CALL}; {USAGE}",
        "no audit event covers row 6 of call",
    ),
    "they are put in below the others": LiveAlteration(
        f"{CALL_BELOW}; {BELOW}",
        "no audit event covers row -7 of",
    ),
    "usage is put in alone": LiveAlteration(
        USAGE,
        "no audit event covers row 6 of b2b_usage",
    ),
    "a synced event is failed and taken up": LiveAlteration(
        "UPDATE meter_event SET state = 'failed', reason = 'unanswered' WHERE id = 1",
        "row 1 of meter_event",
    ),
    "a synced event is called rejected": LiveAlteration(
        "UPDATE meter_event SET state = 'failed', reason = 'rejected' WHERE id = 2",
        "row 2 of meter_event",
    ),
    "minutes are moved between two hours": LiveAlteration(
        "UPDATE call SET duration_seconds = 120 WHERE id = 4; UPDATE "
        "b2b_usage SET billed_minutes = 2, amount_micro = 200000 WHERE "
        "call_id = 'call_4'; UPDATE call SET duration_seconds = 60 WHERE id"
        " = 3; UPDATE b2b_usage SET billed_minutes = 0, amount_micro = 0 "
        "WHERE call_id = 'call_3'",
        "T16-0 reports 1 minutes, its rows hold 2",
    ),
    "usage is freed to be sent again": LiveAlteration(
        "UPDATE b2b_usage SET meter_event_id = NULL WHERE call_id = 'call_1'",
        "what meter_event 1 carries is not as",
    ),
    "a customer is sent to another one": LiveAlteration(
        "UPDATE customer SET stripe_customer = 'cus_thief' WHERE name = 'acme'",
        "row acme of customer",
    ),
    "an account bills another customer": LiveAlteration(
        "UPDATE account SET customer = 'globex' WHERE name = 'main'",
        "row main of account",
    ),
    "a customer is put in": LiveAlteration(
        "INSERT INTO customer SELECT 'thief', 'cus_thief', registered_at "
        "FROM customer WHERE name = 'acme'",
        "no audit event covers row thief of customer",
    ),
    "a price is lower": LiveAlteration(
        "UPDATE price SET per_minute = '0.01'",
        "row 1 of price",
    ),
    "an attempt is dated back": LiveAlteration(
        "UPDATE meter_attempt SET started_at = (SELECT min(staged_at) FROM "
        "meter_event) WHERE id = 4",
        "row 4 of meter_attempt",
    ),
    "an attempt's time is in no form of ours": LiveAlteration(
        "UPDATE meter_attempt SET started_at = '2026-03-10 09:00:00' WHERE id = 4",
        "row 4 of meter_attempt",
    ),
    "an old attempt is dated back": LiveAlteration(
        "UPDATE meter_attempt SET started_at = '2026-01-01T00:00:00+00:00' "
        "WHERE id = 1",
        "row 1 of meter_attempt",
        after_hours=24,  # the pass over all rows
    ),
    "an old call is another's": LiveAlteration(
        "UPDATE call SET source_sha256 = extract_sha256 WHERE id = 2",
        "row 2 of call: not as",
        after_hours=24,  # the pass over all rows
    ),
    "a hold is put in and lifted": LiveAlteration(
        "INSERT INTO send_hold (held, at, actor) SELECT 0, started_at, 'me'"
        " FROM pull WHERE id = 1",
        "no audit event covers row 1 of send_hold",
    ),
    "a month is closed": LiveAlteration(
        "INSERT INTO period_close SELECT '2026-02', started_at, 'me', "
        "'none', NULL FROM pull WHERE id = 1",
        "no audit event covers row 2026-02 of period_close",
    ),
    "the last attempt is gone": LiveAlteration(
        "DELETE FROM meter_attempt WHERE id = (SELECT max(id) FROM meter_attempt)",
        "meter_attempt ends with row",
    ),
    "an attempt before the last is gone": LiveAlteration(
        "DELETE FROM meter_attempt WHERE event_id = 1",
        "row 1 of meter_attempt is missing",
    ),
    "what was sent is taken out, so that it waits anew": LiveAlteration(
        "UPDATE b2b_usage SET meter_event_id = NULL WHERE meter_event_id = 1; "
        "DELETE FROM summary_lag WHERE event_id = 1; DELETE FROM meter_attempt "
        "WHERE event_id = 1; DELETE FROM meter_event WHERE id = 1",
        "row 1 of meter_event is missing",
    ),
    "an attempt has another number": LiveAlteration(
        "UPDATE meter_attempt SET id = -1 WHERE id = 1",
        "row 1 of meter_attempt is missing",
    ),
    "a meter held nothing at the first look": LiveAlteration(
        "UPDATE meter_contact SET upper = 99 WHERE id = 1",
        "row 1 of meter_contact",
    ),
    "an old event of the trail names another": LiveAlteration(
        "UPDATE audit_event SET actor = 'nobody' WHERE id = 2",
        "event 2 does not follow",
        after_hours=24,  # the pass over all rows
    ),
    "the newest event of the trail is of another time": LiveAlteration(
        "UPDATE audit_event SET at = '1970-01-01T00:00:00+00:00' WHERE id = "
        "(SELECT max(id) FROM audit_event)",
        "event 49 ",  # the next run signs it, and finds it all the same
    ),
    "the newest head is of an older event": LiveAlteration(
        "UPDATE audit_head SET event = 1 WHERE number = (SELECT max(number) FROM "
        "audit_head)",
        "event 1 ",
    ),
    "all heads are gone": LiveAlteration(
        "DELETE FROM audit_anchor; DELETE FROM audit_head",
        "no signed head is there",
    ),
    "a row and its newest digest are changed": LiveAlteration(
        "UPDATE meter_event SET state = 'pending', evidence = NULL WHERE id"
        " = 1; UPDATE row_digest SET sha256 = 'x' WHERE name = "
        "'meter_event' AND key = '1'",
        "row 1 of meter_event",
    ),
}

# Values that no code of ours writes, where a run reads them before it compares rows.
UNREADABLE: dict[str, str] = {
    "a reason that there is not": "UPDATE meter_event SET state = 'failed', "
    "reason = 'odd' WHERE id = 1",
    "a month that there is not": "INSERT INTO period_close SELECT 'x', started_at, "
    "'me', 'none', NULL FROM pull WHERE id = 1",
    "a pull's reasons are cut off": "UPDATE pull SET reasons = '{' WHERE id = "
    "(SELECT max(id) FROM pull)",
    "a pull's reasons are a number": "UPDATE pull SET reasons = '5' WHERE id = "
    "(SELECT max(id) FROM pull)",
    "a pull's reasons are a list": "UPDATE pull SET reasons = '[1]' WHERE id = "
    "(SELECT max(id) FROM pull)",
    "the trail's end is a number": "UPDATE audit_event SET state = '5' WHERE id = "
    "(SELECT max(id) FROM audit_event)",
    "the trail has come as far as a word": "UPDATE audit_event SET state = "
    '\'{"last":{"call":"x"},"balance":{}}\' WHERE id = '
    "(SELECT max(id) FROM audit_event)",
    "what the trail covers is a number": "UPDATE audit_event SET covers = '5' WHERE "
    "id = (SELECT max(id) FROM audit_event)",
    "what the trail covers is a list of numbers": "UPDATE audit_event SET covers = "
    "'[5]' WHERE id = (SELECT max(id) FROM audit_event)",
    "what a registration says is a number": "UPDATE audit_event SET detail = '5' "
    "WHERE action = 'customer.registered'",
    "the key of the trail is a list": "UPDATE audit_event SET detail = '[]' WHERE "
    "action = 'key.registered'",
    "the trail's end is cut off": "UPDATE audit_event SET state = '{' WHERE id = "
    "(SELECT max(id) FROM audit_event)",
    "what the trail covers is cut off": "UPDATE audit_event SET covers = '[' WHERE "
    "id = (SELECT max(id) FROM audit_event)",
}
