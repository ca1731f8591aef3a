"""Usage of a month, grouped, rounded, rated anew, and exported."""
