"""Answers: what was kept, what was dropped, why, and what a change would do."""
