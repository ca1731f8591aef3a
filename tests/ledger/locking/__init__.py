"""Locks and shares, on databases of both kinds."""
