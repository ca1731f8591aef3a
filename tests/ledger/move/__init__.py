"""Moves: exact rows, unfit places, and who may write."""
