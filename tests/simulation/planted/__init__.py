"""Planted bugs, and the seeds that catch them."""
