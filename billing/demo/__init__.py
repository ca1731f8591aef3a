"""The demonstration: a month end on a sandbox, by the real path, over real HTTP."""
