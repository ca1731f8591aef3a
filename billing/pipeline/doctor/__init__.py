"""Doctor: what is wrong with the set-up, and what Stripe would invoice otherwise."""
