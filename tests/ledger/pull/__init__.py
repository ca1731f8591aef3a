"""Calls and pulls in the ledger."""
