"""The desk and the shelf: what of a shelf people are asked, and how what they said comes back to it."""
