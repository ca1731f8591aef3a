"""Processes that are killed, and the world they die in."""
