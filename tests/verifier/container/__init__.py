"""Tests of the files that a bundle lies in."""
