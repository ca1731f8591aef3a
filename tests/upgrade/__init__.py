"""Ledgers of earlier versions, and what every later version has to make of them."""
