"""Status: what is open, until when, and whether the ledger is sound."""
