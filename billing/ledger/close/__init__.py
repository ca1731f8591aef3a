"""Close: what a frozen month holds, and what stands in the way of freezing one."""
