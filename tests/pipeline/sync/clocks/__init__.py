"""Time as the sync sees it: what has passed, and how far back it asks."""
