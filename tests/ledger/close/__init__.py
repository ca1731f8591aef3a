"""Closed months in the ledger."""
