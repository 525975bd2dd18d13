"""Benchmarks: what an evaluation asks, as tables that a recipe is given, and what was found of them."""
