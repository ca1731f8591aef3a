"""Files: replaced whole or not at all, and read within a bound."""
