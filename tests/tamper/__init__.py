"""Tampering: alterations of valid bundles, each of which must be rejected."""
