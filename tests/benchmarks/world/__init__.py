"""The world that benchmarks run in."""
