"""`sync --hold`: an emergency stop, for all or for one customer, and its release."""

import pytest

from tests.cli.desk import Desk

REASON = ("--reason", "a wrong price")


def synced(desk: Desk) -> dict[str, int]:
    """Count each customer's events that are on the meter."""
    rows = desk.query(
        "SELECT customer, count(*) FROM meter_event WHERE state = 'synced' GROUP BY 1"
    )
    return dict(rows)


def test_nothing_is_sent_while_all_is_held(desk: Desk) -> None:
    assert desk.json("sync", "--hold", *REASON) == {"held": "all"}
    run = desk.json("run", code=1)
    [sentence] = run["sync"]["held"]
    assert "nothing is sent for any customer" in sentence
    assert "a wrong price" in sentence
    assert "`pamela-billing sync --release` lifts it" in sentence
    assert synced(desk) == {}
    assert run["pulls"][0]["complete"]

    _, first, *_ = desk.done("status").splitlines()
    assert first == f"✗ {sentence}."
    assert desk.json("status")["holds"] == [sentence]
    assert f"✗ sending: {sentence}" in desk.done("doctor", code=1)
    [event] = desk.json("audit", "trail", "--action", "sending")["events"]
    assert (event["action"], event["reason"]) == ("sending.held", "a wrong price")

    assert desk.json("sync", "--release") == {"released": "all"}
    assert desk.json("run")["failed"] is False
    assert synced(desk)
    assert desk.json("status")["holds"] == []


def test_one_customer_is_held_and_the_others_are_sent(desk: Desk) -> None:
    desk.done("pull", "last")
    [(customer,)] = desk.query("SELECT min(customer) FROM b2b_usage")
    desk.done("sync", "--hold", *REASON, "--customer", customer)
    run = desk.json("run", code=1)
    assert f"--customer {customer}` lifts it" in run["sync"]["held"][0]
    assert customer not in synced(desk)
    assert synced(desk)
    desk.done("sync", "--release", "--customer", customer)
    desk.done("run")
    assert customer in synced(desk)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--hold",), "say why"),
        (
            ("--hold", "--release"),
            "--void, --hold and --release",
        ),
        (("--hold", "--retry", *REASON), "give one of"),
        (("--customer", "x"), "--customer belongs to"),
        (("--hold", *REASON, "--customer", "nobody"), "there is no customer nobody"),
        (("--release",), "is not held"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    desk: Desk, line: tuple[str, ...], words: str
) -> None:
    desk.done("run")
    result = desk("sync", *line)
    assert result.exit_code == 2
    assert words in result.stderr
    assert desk.json("audit", "trail", "--action", "sending")["events"] == []
