"""The audit trail: what was written, chained, sealed and signed."""
