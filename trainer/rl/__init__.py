"""Reinforcement learning: tasks are answered in groups, answers are paid, and what was paid moves the model (GRPO)."""
