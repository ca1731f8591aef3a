"""Reconcile: Pamela, the ledger and Stripe are compared, and breaks get a cause."""
