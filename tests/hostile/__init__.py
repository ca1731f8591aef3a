"""Hostile servers: whatever an API answers, nothing crashes, hangs or swallows all."""
