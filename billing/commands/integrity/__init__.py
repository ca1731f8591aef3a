"""`db`: the ledger itself, upgraded, checked and verified."""
