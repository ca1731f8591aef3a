"""Pull: a month of calls is read whole, and recorded."""
