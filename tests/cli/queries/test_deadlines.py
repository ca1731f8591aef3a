"""`status` shows what has to happen next, and until when."""

from tests.cli.desk import LAST, PRESENT, Desk


def test_status_shows_the_nearest_deadlines_first(desk: Desk) -> None:
    desk.done("pull", LAST)
    desk.done("pull")
    shown = desk.json("status")["deadlines"]
    assert shown["open_items"] >= len(shown["nearest"]) == 10
    assert shown["missed_items"] == 0
    assert set(shown["nearest"][0]) == {
        "identifier",
        "customer",
        "hour",
        "state",
        "rows",
        "minutes",
        "cancel_until",
        "invoice_until",
        "bill_until",
        "provable_at",
        "next",
        "deadline",
        "seconds_left",
    }
    left = [item["seconds_left"] for item in shown["nearest"]]
    assert left == sorted(left)
    assert shown["nearest"][0]["next"] == "invoice"
    text = desk.done("status")
    assert "time left" in text
    assert "reach the invoice" in text

    desk.done("sync", "--now")
    assert desk.json("status")["deadlines"]["open_items"] == 0
    assert "time left" not in desk.done("status")


def test_the_grace_period_is_a_setting(desk: Desk) -> None:
    desk.amend("grace_hours = 72", "grace_hours = 48")
    desk.done("pull", PRESENT)
    [item, *_] = desk.json("status")["deadlines"]["nearest"]
    assert (item["next"], item["deadline"]) == ("invoice", "2026-04-03T00:00:00Z")
    desk.amend("grace_hours = 48", "grace_hours = 73")
    assert "grace_hours" in desk("status").stderr
