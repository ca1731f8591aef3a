"""The sandbox's Pamela."""
