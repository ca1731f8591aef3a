"""What the verifier finds in ledgers whose trail is whole, and whose rows are wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.shapes import SHAPES
from billing.verifier.verification import verify_in_workspace
from tests.verifier.paper import Paper, Row, encode_line, hashed
from tests.verifier.signing import TestKey
from tests.verifier.stories import ledger_on_paper
from tests.verifier.story import MARCH, Story

EVERYTHING = Months(None)


def fault_of(paper: Paper, months: Months = EVERYTHING) -> str:
    """Verify what must be refused; returns the sentence."""
    with pytest.raises(BadRecord) as raised:
        verify_in_workspace(paper, months)
    return str(raised.value)


@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("closed", [True, False])
def test_whole_stories_pass(seed: int, closed: bool) -> None:
    shown = verify_in_workspace(ledger_on_paper(seed, closed=closed), EVERYTHING)
    assert shown.usage_rows
    assert len(shown.keys) == (2 if closed else 1)


# What a dishonest writer records of a row: table, column, what becomes of its value.
Edit = Callable[[Any], Any]
DISHONEST: list[tuple[str, str, Edit, str]] = [
    ("b2b_usage", "billed_minutes", lambda v: v + 1, "it is rated at"),
    ("b2b_usage", "amount_micro", lambda v: v - 1, "it is rated at"),
    ("b2b_usage", "customer", lambda v: "globex" if v == "acme" else "acme", "it is"),
    ("b2b_usage", "call_id", lambda v: "call_99", "it is rated at"),
    ("b2b_usage", "call_revision", lambda v: 7, "it is rated at"),
    ("b2b_usage", "price_id", lambda v: 3 - (v or 1), "its price is not the one"),
    ("b2b_usage", "currency", lambda v: "eur", "its currency is not that"),
    ("b2b_usage", "type", lambda v: "gift", "it is no"),
    ("b2b_usage", "corrects", lambda v: 1, "no earlier row of its call"),
    ("b2b_usage", "hour", lambda v: v.replace(":00:00+", ":30:00+"), "month of its"),
    ("b2b_usage", "pull_id", lambda v: 77, "the pull that read its call is not"),
    ("call", "duration_seconds", lambda v: (v or 0) + 600, "it is rated at"),
    ("call", "started_at", lambda v: None, "its price is not"),
    ("call", "started_at", lambda v: "yesterday", "no moment in UTC"),
    ("call", "status", lambda v: "queued", "its price is not"),
    ("call", "customer", lambda v: None, "it is billable, and has no"),
    ("call", "revision", lambda v: 2, "it is revision 2, not 1"),
    ("call", "period", lambda v: "2026-02", "another month than it began in"),
    ("meter_event", "minutes", lambda v: v + 1, "it reports other minutes"),
    ("meter_event", "amount_micro", lambda v: v + 1, "it reports other minutes"),
    ("meter_event", "usage_rows", lambda v: 9, "it reports other minutes"),
    ("meter_event", "customer", lambda v: "x", "rows of another customer or hour"),
    ("meter_event", "identifier", lambda v: f"{v}0", "not what its parts say"),
    ("meter_event", "timestamp", lambda v: v.replace(":00+", ":07+"), "not what its"),
    ("meter_event", "reason", lambda v: "replaced", "it was replaced, and still"),
    ("meter_event", "evidence", lambda v: None, "nothing shows that it was counted"),
    ("meter_attempt", "verdict", lambda v: "unknown", "nothing shows that it was"),
    ("meter_attempt", "number", lambda v: 2, "attempts of its event are missing"),
    ("reconciliation_run", "breaks", lambda v: 5, "another number of breaks"),
    ("reconciliation_reading", "run_id", lambda v: 99, "its reconciliation is not"),
    ("price", "per_minute", lambda v: "a lot", "it is no price"),
    ("price", "per_minute", lambda v: "0.20", "its price is not the one"),
]


@pytest.mark.parametrize(("table", "column", "edit", "words"), DISHONEST)
def test_a_whole_trail_does_not_cover_up_a_wrong_row(
    table: str, column: str, edit: Edit, words: str
) -> None:
    assert words in fault_of(dishonest(table, column, edit))


def dishonest(table: str, column: str, edit: Edit) -> Paper:
    """Tell a story in which one row of a table is recorded wrongly from the start."""
    story = Story(11, calls=6)
    place, done = SHAPES[table].place(column), []
    honest = story.paper.commit

    def commit(
        action: str,
        rows: dict[str, list[Row]] | None = None,
        bindings: dict[int, list[int]] | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        for row in (rows or {}).get(table, []):
            first = row[0] in {1, "acme"} and (table != "call" or row[7])
            if first or row[0] in done:
                done.append(row[0])
                row[place] = edit(row[place])
                break
        honest(action, rows, bindings, detail)

    story.begin()
    story.paper.commit = commit  # type: ignore[method-assign,assignment]
    if table == "price":
        row = [5, "2026-02-01T00:00:00+00:00", edit("0.1"), "usd", "x"]
        story.paper.commit("registered", {"price": [row]})
    story.pull([f"call_{number}" for number in range(1, 7)])
    story.send()
    story.reconcile()
    return story.paper


@pytest.mark.parametrize("sum_of", ["minutes", "amount_micro"])
def test_an_event_adds_what_its_own_rows_add_up_to(sum_of: str) -> None:
    story = Story(11, calls=6)
    honest = story.paper.commit

    def commit(
        action: str,
        rows: dict[str, list[Row]] | None = None,
        bindings: dict[int, list[int]] | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        if "b2b_usage" in (rows or {}):
            story.paper._balance[sum_of] += 5
        honest(action, rows, bindings, detail)

    story.begin()
    story.paper.commit = commit  # type: ignore[method-assign,assignment]
    story.pull([f"call_{number}" for number in range(1, 7)])
    assert " minutes, its rows " in fault_of(story.paper)


def test_a_row_that_was_changed_by_hand_is_found() -> None:
    paper = ledger_on_paper(2)
    row = paper.rows["b2b_usage"][2]
    row[SHAPES["b2b_usage"].place("billed_minutes")] += 1
    assert "they are not as audit event" in fault_of(paper)


@pytest.mark.parametrize("table", ["call", "b2b_usage", "meter_event", "pull"])
def test_a_row_that_is_gone_is_found(table: str) -> None:
    paper = ledger_on_paper(2)
    del paper.rows[table][min(paper.rows[table])]
    assert (
        " are there, audit event" in (sentence := fault_of(paper))
        or "missing" in sentence
    )


@pytest.mark.parametrize("table", ["call", "b2b_usage", "meter_event", "pull"])
def test_a_row_that_no_event_covers_is_found(table: str) -> None:
    paper = ledger_on_paper(2)
    newest = max(paper.rows[table])
    paper.rows[table][newest + 1] = [newest + 1, *paper.rows[table][newest][1:]]
    assert "no audit event covers it" in fault_of(paper)


def test_rows_that_were_bound_to_another_event_are_found() -> None:
    paper = ledger_on_paper(2)
    paper.bindings[1] = []
    assert "row 1: it is not as audit event" in fault_of(paper)


def test_a_row_is_carried_once() -> None:
    paper = ledger_on_paper(2)
    rows = paper.bindings[1]
    paper.commit("events.staged", {}, {2: [*paper.bindings[2], *rows]})
    assert "a row of usage is carried twice" in fault_of(paper)


def test_the_digest_of_a_closed_month_holds() -> None:
    story = Story(4)
    story.begin()
    story.pull(["call_1", "call_2"])
    story.close()
    story._closed.clear()
    story.pull(["call_3", "call_4", "call_5"])
    assert "another digest than the one it froze" in fault_of(story.paper)


def test_a_month_is_verified_without_the_others() -> None:
    paper = ledger_on_paper(6)
    last = paper.rows["break_case"][3]
    last[1] = "2026-04"
    del paper.rows["break_case"][3]
    verify_in_workspace(paper, Months(str(MARCH)))
    assert "it is missing" in fault_of(paper)


def test_only_the_key_in_force_signs_heads() -> None:
    paper = ledger_on_paper(2, closed=False)
    paper.key = TestKey(222)
    paper.sign()
    assert "is not the one in force at its event" in fault_of(paper)


def test_a_second_key_needs_the_first_ones_word() -> None:
    paper = ledger_on_paper(2, closed=False)
    paper.key = TestKey(222)
    paper.register_key()
    assert "a second key comes in that the first does not endorse" in fault_of(paper)


def test_an_endorsement_is_signed_by_the_old_key() -> None:
    paper = ledger_on_paper(2, closed=False)
    old, thief = paper.key, TestKey(223)
    paper.key = type(
        "Thief", (), {"sign": thief.sign, "fingerprint": old.fingerprint}
    )()
    paper.rotate(thief)
    assert "the old key did not endorse the new one" in fault_of(paper)


def test_a_head_signs_what_the_chain_has() -> None:
    paper = ledger_on_paper(2, closed=False)
    event = paper.events[-1]
    paper.events[-1] = event.replace(b'"tests"', b'"guest"')
    assert "it signs another event" in fault_of(paper)


def test_a_chain_without_events_shows_nothing() -> None:
    assert "there are no audit events" in fault_of(Paper(TestKey()))


def test_the_balance_is_what_the_rows_add_up_to() -> None:
    paper = ledger_on_paper(2, closed=False)
    paper._balance["minutes"] += 5
    paper.commit("nothing")
    assert "its balance gains 0 rows" in fault_of(paper)
    assert encode_line(1) == b"1"


def test_an_edit_stays_visible_after_a_later_move() -> None:
    """Each state of a row says what it was before: an edit in between parts them."""
    paper = ledger_on_paper(2)
    assert verify_in_workspace(paper, EVERYTHING).calls
    event = list(paper.rows["meter_event"][1])
    event[SHAPES["meter_event"].place("tries")] = 7
    edited = hashed(encode_line(event))
    event[SHAPES["meter_event"].place("tries")] = 8
    paper._digests["meter_event", 1] = edited  # what an honest writer found there
    paper.commit("event.attempted", {"meter_event": [event]})
    words = fault_of(paper)
    assert "row 1 of meter_event was not as the event before said of it" in words


def test_what_says_nothing_of_before_is_refused_once_others_do() -> None:
    paper = ledger_on_paper(2)
    event = list(paper.rows["meter_event"][1])
    del paper._digests["meter_event", 1]
    paper.commit("event.attempted", {"meter_event": [event]})
    assert "row 1 of meter_event was not as the event before" in fault_of(paper)


def test_what_was_counted_does_not_wait_and_is_not_sent_again() -> None:
    paper, place = ledger_on_paper(2), SHAPES["meter_event"].place
    event = list(paper.rows["meter_event"][1])
    event[place("state")], event[place("evidence")] = "pending", None
    paper.commit("rows.changed", {"meter_event": [event]})
    assert "its last answer showed that it was counted" in fault_of(paper)
    attempts = paper.rows["meter_attempt"].values()
    of_event = [row for row in attempts if row[1] == 1]
    again = list(of_event[-1])
    again[0], again[2] = max(paper.rows["meter_attempt"]) + 1, len(of_event) + 1
    paper.commit("event.attempted", {"meter_attempt": [again]})
    event = list(event)
    event[place("state")], event[place("evidence")] = "synced", "counted: req"
    paper.commit("attempt.answered", {"meter_event": [event]})
    assert "the attempt before it was known as counted" in fault_of(paper)


def test_a_multiple_shows_what_was_sent_again_and_nothing_else() -> None:
    paper = ledger_on_paper(2)
    event, place = paper.rows["meter_event"][1], SHAPES["meter_attempt"].place
    attempts = paper.rows["meter_attempt"].values()
    [unanswered] = [list(row) for row in attempts if row[1] == 1]
    unanswered[place("verdict")] = "unknown"
    shown = 2 * event[SHAPES["meter_event"].place("minutes")]
    read = [1, 1, event[SHAPES["meter_event"].place("staged_at")], shown]
    rows = {"meter_attempt": [unanswered], "meter_reading": [read]}
    paper.commit("rows.changed", rows)
    assert "nothing shows that it was counted" in fault_of(paper)
    again = list(unanswered)
    again[0], again[2] = max(paper.rows["meter_attempt"]) + 1, 2
    paper.commit("event.attempted", {"meter_attempt": [again]})
    assert verify_in_workspace(paper, EVERYTHING).calls


def test_who_is_registered_stays_as_the_trail_says() -> None:
    paper = ledger_on_paper(2)
    customer = list(paper.rows["customer"]["acme"])
    said = {"was": None, "is": {"stripe_customer": customer[1]}}
    registered = {"each": [["acme", said]]}
    paper.commit("customer.registered", detail=registered)
    assert verify_in_workspace(paper, EVERYTHING).calls
    customer[1] = "cus_thief"
    paper.commit("rows.changed", {"customer": [customer]})
    assert "it is not as it was registered last" in fault_of(paper)
