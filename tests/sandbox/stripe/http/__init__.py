"""The Stripe stand-in over real HTTP."""
