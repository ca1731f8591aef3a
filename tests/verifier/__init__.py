"""The verifier: what it lets pass, and all that it must not."""
