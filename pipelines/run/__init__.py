"""What a run does: it annotates, decides over the corpus, judges, and tells what was judged."""
