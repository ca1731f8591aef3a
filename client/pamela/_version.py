"""The client's own version, as sent in its User-Agent."""

__version__ = "0.1.0"
