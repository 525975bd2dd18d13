"""The bench of size: shelves of made rows, questions asked of them by the ordinary verbs, and how cost grows.

`python -m bench.scale` makes what is missing, asks what was not asked, and writes docs/scale.md; it can be stopped and
goes on. `make` makes the rows, `questions` says what is asked, `measure` asks it, `table` tells.
"""
