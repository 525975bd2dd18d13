"""The plan: which samples form which sequence at which step, from numbers alone."""
