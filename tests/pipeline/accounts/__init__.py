"""Tests of several accounts in one cycle."""
