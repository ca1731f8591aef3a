"""Sync: the Stripe meter is brought level with the ledger."""
