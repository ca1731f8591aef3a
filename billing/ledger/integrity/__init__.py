"""Integrity: the invariants of the ledger, each looked up in its rows."""
