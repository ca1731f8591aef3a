"""A Pamela API and a Stripe on this machine: one clock, and faults on request."""
