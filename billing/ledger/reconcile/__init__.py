"""Reconcile: totals of each side, and the breaks that were found between them."""
