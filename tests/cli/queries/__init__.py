"""Commands that only read, as a person types them."""
