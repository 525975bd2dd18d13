"""Processes that look at samples, so that none that hangs, grows or dies takes the run with it."""
