"""Webhooks of the sandbox's Pamela."""
