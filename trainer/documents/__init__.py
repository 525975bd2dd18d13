"""A sample becomes a document: its turns, tokens and patches, and how many there will be before a pixel is decoded."""
