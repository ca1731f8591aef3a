"""Commands that take over a meter which another program has fed."""
