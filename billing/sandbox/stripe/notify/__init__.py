"""What the Stripe stand-in tells of by itself."""
