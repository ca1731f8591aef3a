"""What status shows."""
