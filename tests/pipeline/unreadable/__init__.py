"""Answers that cannot be read: whose part they end, and who is told."""
