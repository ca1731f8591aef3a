"""Tests of what is read from Pamela."""
