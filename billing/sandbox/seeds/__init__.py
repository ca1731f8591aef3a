"""Seeds: worlds full of calls, the same for the same number."""
