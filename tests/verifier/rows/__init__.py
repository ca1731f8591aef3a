"""Tests of what rows are checked for, each check by itself."""
