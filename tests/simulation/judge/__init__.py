"""The judge of the simulation: what must hold, and what was seen."""
