"""Pull: calls as the source told them, and how completely they were read."""
