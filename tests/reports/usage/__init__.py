"""Reports of usage."""
