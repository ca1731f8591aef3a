"""Bad behaviours: on the wire, in HTTP, and in documents."""
