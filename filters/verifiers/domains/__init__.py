"""A domain a file, with its pack of attacks and honest answers in `packs/`."""
