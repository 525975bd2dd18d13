"""Experiments: the same training many ways and with many seeds, a small table of each run, and a report with plots."""
