"""What is remembered: the ledger on both databases."""
