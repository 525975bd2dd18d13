"""The nouns: samples, notes, verdicts, tables and tar layout, on the standard library and msgspec alone."""
