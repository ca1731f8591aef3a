"""What the trail recorded last of each row, and rows that are otherwise."""
