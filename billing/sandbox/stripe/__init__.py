"""The Stripe stand-in."""
