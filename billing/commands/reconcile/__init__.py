"""Reconcile commands: compare the three books, and follow each break."""
