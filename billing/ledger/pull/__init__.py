"""Pull: calls as the source has them, and how completely they were read."""
