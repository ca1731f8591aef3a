"""Meter events in the ledger."""
