"""Journal entries."""
