"""The statement of a customer's month."""
