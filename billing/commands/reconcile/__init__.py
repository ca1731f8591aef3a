"""Reconcile commands: compare Pamela, the ledger and Stripe, and follow each break."""
