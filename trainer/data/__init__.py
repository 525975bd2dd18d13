"""From exports to rows: what is given, how long its samples are, and the stream of documents in the plan's order."""
