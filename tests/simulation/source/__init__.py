"""What Pamela says of calls and then changes: how it comes about, and what must be."""
