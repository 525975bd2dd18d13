"""The desk: people who annotate, review and adjudicate, with every decision on record."""
