"""Pulling a month."""
