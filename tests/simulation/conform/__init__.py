"""Conformance: whatever happens to an event in the simulation, the model allows it."""
