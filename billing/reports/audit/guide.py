"""The guide: the README of a bundle, for an auditor who has nothing else."""

from collections.abc import Mapping
from typing import Any

from billing.reports.audit.assumptions import ASSUMPTIONS
from billing.verifier.readme import readme_statements
from billing.verifier.shapes import BINDING, BINDING_COLUMNS, SHAPES, TABLE_FILES

_TABLES = {
    "account": "who calls: an account at Pamela, and the customer who pays for it",
    "account_identity": "the partner and project that an account's source said it is",
    "account_rename": "the names under which an account went on",
    "customer": "who pays, and under which name Stripe knows them",
    "price": "prices per minute, each with the moment from which it holds",
    "period_close": "months that are frozen, each with the digest of its rows",
    "pull": "each reading of Pamela's calls, with the counts that must add up",
    "quarantine": "records that could not be understood, and why; not billed",
    "quarantine_place": "when such a record began and who would pay, where it tells",
    "call_decision": "what a person said that such a call comes to, and why",
    "call": "what Pamela said of each call: a changed call is another revision",
    "b2b_usage": "what is billed; a correction is another row, never an edit",
    BINDING: "which rows of usage each meter event carries",
    "meter_event": "what was reported to Stripe: a customer's minutes of one UTC hour",
    "meter_attempt": "each request to Stripe, written before it left, with the answer",
    "meter_reading": "Stripe's meter, read back for one event",
    "summary_lag": "how late Stripe's summaries first showed each event",
    "error_report": "what Stripe reported as lost or refused",
    "reconciliation_run": "each comparison of Pamela, this ledger and Stripe",
    "reconciliation_reading": "the three books in it, customer by customer",
    "reconciliation_break": "each difference that it found, with its cause",
    "meter_contact": "what stood at the meter before the first minute was sent there",
    "sole_reporter": "who stated that nothing else reports to the meter, and why",
    "pull_scope": "the calls of other months that a pull met, and how far it looked",
    "cycle_run": "each cycle of pull, sync and reconcile: its start, and how it ended",
    "send_hold": "who stopped the sending to Stripe, for whom and why, or lifted it",
    "adoption": "whose meter was taken over from another program, from which hour",
    "meter_opening": "the events that stand for what the other program had reported",
    "shadow_reading": "what the meter showed by the hour before we sent anything",
    "contradicting_call": "calls that were billed before anybody compared their times",
    "reconciliation_source": "each account's minutes in it, and as of when it was read",
    "break_case": "a difference from its first day to its end, and who knows of it",
}
_OPENING = """\
{title}
What this is
------------
{subject} what Pamela (where the calls
are made) said of each call, what was billed for it, how it was reported to Stripe and
what Stripe answered, how the three books were compared, and the trail of who did what,
when and why. Months are calendar months in UTC; every time here is in UTC.
{standing}
No transcript or task of a call is in here, and none of the numbers it was between.
What servers said is here as it was kept: without this service's secrets and without
what could be a phone number; what would act on a screen is an escape such as \\x1b.
Rows that were written before version 0.4.0 hold such words as they came.


How to verify it
----------------
You need Python 3.11 or newer, and nothing else: no network, no packages, no keys.

    python -I verify.py                  in the folder that you unpacked it into
    python -I verify.py BUNDLE.zip       without unpacking it
    python -I verify.py --key FINGERPRINT
                                         with the fingerprint that you were given
    python -I verify.py --call ID        also prints all that proves one call
    python -I verify.py --consistent-with OLDER.zip
                                         also shows that an older bundle was only
                                         added to

-I keeps Python from importing what else lies in the folder, or in your settings.

It prints PASS, or FAIL with the first bad record and why. Exit codes: 0 PASS, 1 FAIL,
2 nothing could be verified.

{key}
Compare it with the fingerprint that you were given on another way than this file, for
whoever forges a bundle brings a key of their own. For the same reason take verify.py
from a source that you trust, whose documentation names its SHA-256, or read it: it is
one file of plain Python.


What a PASS proves
------------------
- Every file is as it was when the bundle was signed.
- The audit trail has no gap: each event holds the SHA-256 of the one before.
- Every row is as it was when its audit event recorded it; none of this month is
  missing, and none is here that no event covers.
- Every row of usage is what the rules make of its call, and the rows of each call
  together are what its newest revision is rated at:
      a call that never began is free;
      minutes = max(ceil(seconds / 60), 1), counted in whole numbers;
      amount = minutes x the price that held when the call began;
      a call belongs to the UTC month that it began in; once that month is frozen,
      what changes is billed in the first open month as an adjustment;
      a call whose status is "decided" is billed, or not, as a person decided: who and
      why stands in call_decision.
- Each meter event reports just the rows that it carries, and whatever counts as
  reported has an answer or a reading of Stripe's that shows it.
- The totals in manifest.json are those of the rows, and a frozen month still has the
  digest that it was frozen under.
- What this file states of the month and of the key is what was verified; its other
  words are the same in each bundle of this format.

What it does not prove
----------------------
- That Pamela told the truth about a call, or told of every call.
- That Stripe's answers are genuine; ask Stripe, who knows the request ids.
- That the trail was not made anew as a whole by somebody who holds the key. An older
  bundle (--consistent-with) shows it, and so do heads that were published when they
  were signed.
- Whose key it is.
- That Stripe keeps to what is assumed of it: that it knows an event's identifier for 23
  hours; that a summary is late by no more than three times the longest lag of 35 days,
  and by no more than 72 hours where fewer days were measured; that nobody else writes
  into the minutes of these events. tables/summary_lag.jsonl holds what was measured.

{assumptions}

The files
---------
manifest.json        who made this, when and how; every file with its SHA-256; totals;
                     the last reconciliation
manifest.sig         the signature over manifest.json (Ed25519, RFC 8032), in hex
verify.py            the verifier
audit_events.jsonl   the whole audit trail, an event a line. `covers` holds SHA-256s of
                     rows: of a stretch of new rows (each line with its end), or of each
                     row that may change (its line without the end)
heads.jsonl          signed heads: each signs the hash of an event, and so all before it

Each file in tables/ names its columns in the first line; then comes a row a line, as a
JSON array. Amounts (amount_micro) are in millionths of the currency's unit. Rows of
other months are there where rows of this one refer to them.

"""


def guide(summary: Mapping[str, Any], key: str) -> str:
    """Return the README of a bundle."""
    statements = readme_statements(summary["period"], key, summary["close"])
    opening = _OPENING.format(**statements, assumptions=ASSUMPTIONS)
    return opening + "\n".join(_table(name) for name in sorted(TABLE_FILES))


def _table(name: str) -> str:
    columns = SHAPES[name].columns if name in SHAPES else BINDING_COLUMNS
    lines = [TABLE_FILES[name], f"    {_TABLES[name]}", ""]
    line = "   "
    for column in columns:
        if len(line) + len(column) > 86:
            lines.append(line)
            line = "   "
        line += f" {column}"
    return "\n".join([*lines, line, ""])
