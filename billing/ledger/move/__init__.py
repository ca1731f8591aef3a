"""Move: a whole ledger is copied to another database, and goes on there alone."""
