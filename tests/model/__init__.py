"""The model: one hour's events between the ledger and Stripe, in every order."""
