"""Demos, one a kind: real input that packages bring, faults planted in it, and the commands that curate it."""
