"""Tables and columns on both databases."""
