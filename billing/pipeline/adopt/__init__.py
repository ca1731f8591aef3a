"""Adopt: a meter that another program has fed becomes ours, from an hour on."""
