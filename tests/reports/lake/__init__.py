"""The lake's files, their lists, and what DuckDB adds up in them."""
