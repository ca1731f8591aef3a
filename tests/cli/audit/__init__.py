"""Audit commands, as a person types them."""
