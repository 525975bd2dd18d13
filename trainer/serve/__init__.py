"""The server: a checkpoint behind an endpoint that clients of OpenAI's speak to."""
