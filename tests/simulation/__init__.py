"""The simulation: the whole pipeline between a false Pamela and a false Stripe."""
