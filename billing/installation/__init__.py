"""Setting up: the first settings file, and the check of what it names."""
