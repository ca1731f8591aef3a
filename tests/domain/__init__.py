"""What billing means: the rules, case by case."""
