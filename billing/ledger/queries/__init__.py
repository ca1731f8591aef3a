"""Queries: what reports read, and nothing writes."""
