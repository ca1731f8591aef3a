"""The adoption: another program's meter is shadowed, compared, and then taken over."""
