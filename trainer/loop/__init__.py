"""Training: stages, the loop that takes their steps, checkpoints, and what a run tells of itself."""
