"""What the program says of itself: help, hints, and advice that can be followed."""
