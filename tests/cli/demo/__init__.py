"""The demonstrations as processes."""
