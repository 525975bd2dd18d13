"""The local engine: prompts in, tokens out, with the chance that each token had."""
