"""The door out: what was kept becomes shards that any trainer reads."""
