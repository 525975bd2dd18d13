"""Pure judgements over columns: what is kept, what is dropped, and why."""
