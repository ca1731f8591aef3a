"""The demonstration as it is shown on the screen."""
