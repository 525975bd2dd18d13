"""Sheets of the desk, a layer a file; one of one's own is named as package.module:VALUE."""
