"""The life of one call, and whether it is billed."""
