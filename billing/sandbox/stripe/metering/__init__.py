"""Meters, meter events and summaries of the Stripe stand-in."""
