"""`status` opens with what blocks, and says first that a ledger was restored."""

from tests.cli.audit.test_trail import edit, restore, save
from tests.cli.desk import HOUR, LAST, PRESENT, Desk


def test_a_new_desk_says_what_to_do_first(desk: Desk) -> None:
    _, first, *_ = desk.done("status").splitlines()
    assert first.startswith(f"✗ {PRESENT} of riverside was never pulled whole; run ")


def test_what_agrees_blocks_nothing_and_has_no_rows_of_noughts(desk: Desk) -> None:
    desk.done("run")
    text = desk.done("status")
    assert "✗" not in text
    assert "failed" not in text
    assert f"{LAST} is over and not closed" in text
    assert "The invariants of the ledger hold" in text


def test_a_whole_pull_that_is_old_is_said_first(desk: Desk) -> None:
    desk.done("run")
    desk.sandbox.clock.advance(27 * HOUR)
    _, first, *_ = desk.done("status").splitlines()
    assert first.startswith("✗ The last whole pull of ")
    assert "1 d 0" in first
    assert "run `pamela-billing run`" in first


def test_a_restored_ledger_is_said_first(desk: Desk) -> None:
    desk.done("pull", LAST)
    saved = save(desk)
    desk.done("run")
    restore(desk, saved)
    _, first, *_ = desk.done("status").splitlines()
    assert first.startswith("✗ the ledger is not the one that was seen last")
    assert "accept-restore" in first


def test_a_violated_invariant_is_said_first(desk: Desk) -> None:
    desk.done("run")
    edit(desk, "UPDATE b2b_usage SET billed_minutes = billed_minutes + 1 WHERE id = 5")
    desk.sandbox.clock.advance(HOUR)
    assert "the next sync sends" not in desk("run").stdout
    _, first, *rest = desk.done("status").splitlines()
    assert first.startswith("✗ The ledger violates an invariant (")
    assert "`pamela-billing db check`" in first
    for advice in ("The nearest deadlines", "sync --settle", "sync --retry"):
        assert advice not in "\n".join(rest)


def test_a_customer_who_was_altered_stops_the_run_and_is_said_first(
    desk: Desk,
) -> None:
    """The run ends as soon as it opens the ledger, before it looks at anything."""
    desk.done("run")
    edit(desk, "UPDATE customer SET stripe_customer = 'cus_thief'")
    desk.sandbox.clock.advance(HOUR)
    assert desk("run").exit_code == 1
    _, first, *_ = desk.done("status").splitlines()
    assert first.startswith("✗ The ledger violates an invariant (")
