"""Tests of what the verifier says, and of what it is written in."""
