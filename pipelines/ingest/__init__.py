"""The door in: a source's rows are planned once, then become samples."""
