"""What is told of a run while it goes and after: its record, its log, what it stood on."""
