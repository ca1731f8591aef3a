"""One call explained."""
