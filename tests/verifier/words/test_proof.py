"""What proves one call, line by line, as a person reads it."""

import json
from collections.abc import Iterator, Mapping, Sequence

import pytest

from billing.verifier.findings import Unreadable
from billing.verifier.proof import money, prove_call
from billing.verifier.shapes import SHAPES
from billing.verifier.workspace import open_workspace
from tests.verifier.paper import Row

HOUR = "2026-03-10T12:00:00+00:00"
ROWS = f"""
INSERT INTO price VALUES (1, '2026-01-01T00:00:00+00:00', '0.10', 'usd');
INSERT INTO call VALUES (1, 'main', 'c', 1, '2026-03', 'completed', '{HOUR}', 61,
  'acme', NULL, 'x', 1);
INSERT INTO call VALUES (2, 'main', 'c', 2, '2026-03', 'queued', NULL, NULL, NULL,
  'never_connected', 'y', 1);
INSERT INTO call VALUES (3, 'main', 'other', 1, '2026-03', 'completed', '{HOUR}', 5,
  'acme', NULL, 'x', 1);
INSERT INTO b2b_usage VALUES (4, 'api_usage', 'main', 'acme', 'c', 1, '2026-03',
  '{HOUR}', '{HOUR}', 2, 200000, 'usd', 1, NULL, 1, 'at');
INSERT INTO b2b_usage VALUES (5, 'adjustment', 'main', 'acme', 'c', 2, '2026-03',
  '{HOUR}', '{HOUR}', -2, -200000, 'usd', NULL, 4, 1, 'at');
INSERT INTO event VALUES (7, 'hash7', 'at7'), (8, 'hash8', 'at8'), (9, 'hash9', 'at9');
INSERT INTO cover VALUES ('call', '2026-03', 1, 3, 3, 'shac', 7),
  ('b2b_usage', '2026-03', 4, 5, 2, 'shau', 8), ('call', '2026-04', 1, 3, 3, 'no', 7);
INSERT INTO entry (tbl, key, sha, sequence) VALUES ('meter_event', 6, x'aa', 9),
  ('meter_attempt', 1, x'bb', 9), ('call_decision', 1, x'cc', 9);
INSERT INTO head VALUES (1, 7), (2, 8);
"""
EVENT = """
INSERT INTO bound VALUES (4, 6), (5, 6);
INSERT INTO meter_event (id, identifier, minutes, state, reason, evidence)
  VALUES (6, 'test-minutes', 2, 'synced', NULL, 'it was shown');
"""


class Lines:
    """The lines of attempts and readings; other tables are not read."""

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        self._rows = rows

    def parts(self, name: str) -> Iterator[bytes]:
        for table, shape in SHAPES.items():
            if name == f"tables/{table}.jsonl":
                for line in (list(shape.columns), *self._rows.get(table, [])):
                    text = json.dumps(line, separators=(",", ":"))
                    yield f"{text}\n".encode()


def attempt(number: int, event: int) -> Row:
    row = [number, event, number, "key", "me", f"at {number}", None]
    return [*row, "counted", 200, "req_1", None, "event"]


def reading(number: int, event: int) -> Row:
    return [number, event, f"read {number}", 2]


def proof(
    change: str = "",
    rows: Mapping[str, Sequence[Row]] | None = None,
    call: str = "c",
) -> str:
    with open_workspace() as work:
        work.executescript(ROWS + change)
        return "\n".join(prove_call(Lines(rows or {}), work, call))


SAID = f"""\
Call c
  What Pamela said of it:
    revision 1 of account main: completed, began {HOUR}, 61 s
      row 1 of call is among rows 1 to 3, SHA-256 shac
      in audit event 7 of at7, hash7, signed in head 1
      max(ceil(61 / 60), 1) = 2 minutes at 0.10 usd (price 1, from \
2026-01-01T00:00:00+00:00) = 0.20 usd for acme
    revision 2 of account main: queued, never began
      row 2 of call is among rows 1 to 3, SHA-256 shac
      in audit event 7 of at7, hash7, signed in head 1
  What is billed for it:
    row 4: api_usage of 2 minutes, 0.20 usd, for acme in 2026-03, hour {HOUR}
      row 4 of b2b_usage is among rows 4 to 5, SHA-256 shau
      in audit event 8 of at8, hash8, signed in head 2
    row 5: adjustment of -2 minutes, -0.20 usd, for acme in 2026-03, hour {HOUR}, \
corrects row 4
      row 5 of b2b_usage is among rows 4 to 5, SHA-256 shau
      in audit event 8 of at8, hash8, signed in head 2
"""
REPORTED = """\
  How it was reported to Stripe:
    event test-minutes: 2 minutes in all, synced
      row 6 of meter_event has SHA-256 aa
      in audit event 9 of at9, hash9, signed in this bundle alone
      evidence: it was shown
    attempt 1 of event 6 at at 1: counted, HTTP 200, request req_1
      row 1 of meter_attempt has SHA-256 bb
      in audit event 9 of at9, hash9, signed in this bundle alone
    reading of event 6 at read 1: 2 minutes"""


def test_a_call_that_nothing_carries_is_told_as_far_as_it_came() -> None:
    assert proof() == f"{SAID}  No meter event carries it."


def test_a_call_is_told_from_its_source_to_its_reading() -> None:
    """Attempts and readings of other events are none of it."""
    rows = {
        "meter_attempt": [attempt(1, 6), attempt(2, 99)],
        "meter_reading": [reading(1, 6), reading(2, 99)],
    }
    assert proof(EVENT, rows) == f"{SAID}{REPORTED}"


def test_why_an_event_waits_is_said_with_its_state() -> None:
    waits = "UPDATE meter_event SET state = 'failed', reason = 'no', evidence = NULL"
    told = proof(EVENT + waits).splitlines()
    assert "    event test-minutes: 2 minutes in all, failed, no" in told
    assert not any("evidence" in line for line in told)


def test_what_a_person_decided_is_told_with_the_reason() -> None:
    decided = """
    UPDATE call SET status = 'decided' WHERE id = 1;
    INSERT INTO call_decision VALUES (1, 'main', 'c', 1, 61, 'a letter', 'then', 'kim',
      'it is short');
    """
    told = proof(decided).splitlines()
    assert told[1] == "  What Pamela said of it, and a person decided:"
    assert told[3] == "      kim decided it at then: it is short (a letter)"
    assert told[4] == "      row 1 of call_decision has SHA-256 cc"
    assert told[5].startswith("      in audit event 9 of at9")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE call SET customer = NULL WHERE id = 1",
        "UPDATE call SET duration_seconds = NULL WHERE id = 1",
        "DELETE FROM price",
    ],
)
def test_what_is_not_billable_is_not_reckoned(change: str) -> None:
    assert "max(ceil(" not in proof(change)


def test_no_second_of_talk_is_a_minute() -> None:
    told = proof("UPDATE call SET duration_seconds = 0 WHERE id = 1")
    assert f"began {HOUR}, 0 s\n" in told
    assert "max(ceil(0 / 60), 1) = 1 minutes at 0.10 usd" in told


def test_an_unknown_call_is_no_call_of_the_bundle() -> None:
    with pytest.raises(Unreadable, match="the bundle holds no call 'x'"):
        proof(call="x")


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "0.00 usd"),
        (10_000, "0.01 usd"),
        (1_234_567_890_000, "1,234,567.89 usd"),
        (-1, "-0.000001 usd"),
        (-1_500_000, "-1.50 usd"),
        (123_456, "0.123456 usd"),
        (100_100, "0.1001 usd"),
    ],
)
def test_an_amount_is_exact(micro: int, text: str) -> None:
    assert money(micro, "usd") == text
