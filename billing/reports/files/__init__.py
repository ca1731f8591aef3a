"""Files: a report written down whole, or not at all, byte for byte the same."""
