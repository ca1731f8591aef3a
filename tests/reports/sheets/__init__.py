"""Files with tables in them."""
