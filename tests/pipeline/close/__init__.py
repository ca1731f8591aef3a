"""Closing a month, and what comes after."""
