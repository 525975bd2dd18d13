"""Whatever looks at a sample and writes notes; nothing here decides what is kept."""
