"""Audit bundles: a month with all its evidence, in one file that proves itself."""
