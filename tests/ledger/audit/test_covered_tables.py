"""The columns of covered tables never change: a row's digest is over all of them."""

from billing.ledger.audit.canonical_json import digest, format_document
from billing.ledger.audit.covered_tables import TABLES

# The columns of each table, in their order, as a digest. A new fact goes into a table
# of its own, which gets a line here; a changed line would belie every row ever written.
COLUMNS = {
    "account": "d8f951e21ebc",
    "customer": "9f91d533e1db",
    "price": "bf0ac9acba31",
    "pull": "36ef3ed33058",
    "call": "a7908acd8458",
    "quarantine": "aa63725def60",
    "b2b_usage": "73b62f2ec3c5",
    "meter_event": "5db1393972cc",
    "meter_attempt": "f7dec34f8800",
    "meter_reading": "d6304681a986",
    "error_report": "d20fdb1c625f",
    "reconciliation_run": "996ce2a3895b",
    "reconciliation_reading": "79aa4e1d862f",
    "reconciliation_break": "81303456cf56",
    "break_case": "abfaf9604c54",
    "period_close": "24502b466031",
    "meter_contact": "d62ed49aeb5a",
    "sole_reporter": "75998109552f",
    "pull_scope": "e57a9d404c3a",
    "cycle_run": "d766daa1951c",
    "send_hold": "9f1d459f5919",
    "account_identity": "9c7402a8ca54",
    "account_rename": "01f3a444b6af",
    "adoption": "1950ae9ecf37",
    "meter_opening": "33eb34f80a4a",
    "shadow_reading": "4230a8a1a83e",
    "contradicting_call": "3d6ea8315126",
    "reconciliation_source": "1fddc3ce604a",
    "quarantine_place": "3b70a9ba2abe",
    "call_decision": "cf09acc72e73",
    "summary_lag": "a128665b87b5",
}


def test_no_covered_table_gains_or_loses_a_column() -> None:
    columns = {
        name: digest(format_document(list(covered.columns)))[:12]
        for name, covered in TABLES.items()
    }
    assert columns == COLUMNS
