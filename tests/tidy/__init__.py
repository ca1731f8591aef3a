"""The house rules: each one reads the sources and names what breaks it."""
