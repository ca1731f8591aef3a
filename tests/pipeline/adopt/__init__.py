"""Taking over a meter that another program has fed."""
