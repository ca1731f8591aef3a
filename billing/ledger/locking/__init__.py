"""Locking: who works on what, and how many work, over all processes."""
