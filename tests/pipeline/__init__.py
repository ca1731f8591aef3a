"""The path data takes, with fakes at both ends."""
