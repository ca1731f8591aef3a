"""Parity as people read it: who is in shadow, and whether the meter agrees."""
