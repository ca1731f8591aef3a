"""Commands over real HTTP, and the reports that they print."""
