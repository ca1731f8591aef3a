"""The first contact of a ledger with a meter, and the one after a restore."""
