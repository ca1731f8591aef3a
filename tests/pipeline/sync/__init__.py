"""Bringing the meter level with the ledger."""
