"""Spans: videos cut into clips as they leave, with what their notes say as dialogues."""
