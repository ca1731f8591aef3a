"""Meter events of the Stripe stand-in."""
