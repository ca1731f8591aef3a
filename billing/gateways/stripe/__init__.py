"""Stripe: the only home of its library, and of what its answers mean."""
