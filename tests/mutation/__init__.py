"""Mutation: the code is made wrong, one place at a time, and tests have to notice."""
