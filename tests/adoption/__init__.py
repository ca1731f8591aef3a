"""Cut-overs by chance: other programs' meters are taken over, and the process dies."""
