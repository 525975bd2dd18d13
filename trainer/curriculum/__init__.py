"""Which tasks are asked and which groups are learnt from: pure numbers, which know neither a model nor a verifier."""
