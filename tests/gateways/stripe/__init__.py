"""The gateway to Stripe, over real HTTP."""
