"""Breaks, as a person works on them."""
