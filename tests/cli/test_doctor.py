"""`doctor` counts what is well, and shows what is not with what to do."""

from billing.domain.invariants import Invariant
from tests.cli.desk import Desk


def test_what_is_well_is_only_counted(desk: Desk) -> None:
    text = desk.done("doctor")
    assert f"✓ {len(Invariant)} checks of the ledger passed" in text
    assert "checks of customers passed" in text
    assert "To do" not in text
    assert "law" not in text


def test_a_fault_stands_last_with_what_to_do(desk: Desk) -> None:
    desk.write_secret("stripe", "sk_test_wrong")
    *_, fault, remedy = desk.done("doctor", code=1).splitlines()
    assert fault.startswith("✗ Stripe: ")
    assert remedy.startswith("  To do: check [stripe] api_key")


def test_settings_that_are_not_there_are_a_mistake_of_whoever_asked(
    desk: Desk,
) -> None:
    desk.settings_file.unlink()
    assert "✗ settings: " in desk.done("doctor", code=2)
    assert not desk.json("doctor", code=2)["healthy"]
