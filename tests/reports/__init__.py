"""Reports: queries in, documents out."""
