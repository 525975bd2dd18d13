"""Processes that work for this one: what they open once, the tasks they answer, and what happens when one dies."""
