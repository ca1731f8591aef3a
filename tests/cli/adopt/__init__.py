"""`adopt` at the command line, on a sandbox."""
