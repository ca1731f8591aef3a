"""Pull commands: read a month, and erase what calls said under a key."""
