"""The sandbox's Pamela, over real HTTP."""
