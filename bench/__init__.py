"""Duels with peers: the same work on the same input, both sides in one run, A B A B.

Each duel is a file with `ours` and `peer`, whose outputs are compared before anything is timed, and `rows`, which
fights it. `python -m bench` fights all of them and writes docs/bench.md; `python -m bench write_shards` one.
"""
