"""Names in JSON and in the log outlive what the code calls things."""

import pytest

from billing.documents import step_line
from billing.domain.period import BillingPeriod
from billing.errors import BillingError, InvariantViolated, LedgerFault
from billing.pipeline.cycle_report import PullResult

MONTH = BillingPeriod(2026, 3)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (InvariantViolated({"conservation": ["call c1"]}), "LawBroken"),
        (LedgerFault("the disk is full"), "LedgerFault"),
    ],
)
def test_a_fault_is_logged_under_its_public_kind(
    fault: BillingError, kind: str
) -> None:
    assert step_line(fault) == ("fault", {"kind": kind, "error": str(fault)})


@pytest.mark.parametrize(
    ("error", "fields"),
    [(None, {"elsewhere": True}), ("no answer", {"error": "no answer"})],
)
def test_a_pull_without_a_certificate_says_why(
    error: str | None, fields: dict[str, object]
) -> None:
    name, logged = step_line(PullResult(account="main", period=MONTH, error=error))
    common = {"account": "main", "period": "2026-03", "complete": False}
    assert (name, logged) == ("pull", common | fields)
