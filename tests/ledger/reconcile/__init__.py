"""Totals, runs and breaks in the ledger."""
