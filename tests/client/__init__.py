"""The API client: what it sends, what it reads, and what it refuses."""
