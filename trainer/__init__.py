"""Shards in, checkpoints out; this room meets the pipelines on disk alone."""
