"""The audit trail: what was written, chained and signed."""
