"""Who works: one process, several, a Ray cluster or a Beam runner."""
