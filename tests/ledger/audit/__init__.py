"""The audit trail in the ledger."""
