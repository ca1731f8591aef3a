"""Reconciling a month."""
