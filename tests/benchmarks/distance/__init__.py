"""Measures at a distance: real round trips, and the limits of live mode."""
