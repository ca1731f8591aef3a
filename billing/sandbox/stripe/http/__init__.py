"""How the Stripe stand-in is asked, and how it answers."""
