"""The rulebook: what the product promises, as tests."""
