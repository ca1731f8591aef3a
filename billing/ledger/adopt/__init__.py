"""What the ledger keeps of a meter that another program fed before."""
