"""Sync as people type it."""
