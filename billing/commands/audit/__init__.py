"""Audit commands: the trail, its signed heads, and bundles that prove themselves."""
