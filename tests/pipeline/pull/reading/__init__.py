"""Tests of how a window is read: by pages, by parts, and what is recognised."""
