"""The audit trail: a chain of events, each with digests of the rows that it covers."""
