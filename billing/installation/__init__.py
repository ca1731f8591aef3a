"""Setting up: the first settings file, and the examination of what it names."""
