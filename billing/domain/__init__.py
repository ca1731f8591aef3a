"""What billing means: pure values and decisions, standard library only."""
