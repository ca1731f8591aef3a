"""Benchmarks: `python -m tests.benchmarks` measures, and holds against what is due."""
