"""Reconciliations, as they are made and as they were stored."""
