"""The invariants of the ledger: a sound one passes, and each fault is found."""
