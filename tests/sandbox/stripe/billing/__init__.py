"""Prices, subscriptions and invoices of the Stripe stand-in."""
