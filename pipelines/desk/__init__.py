"""The desk and the shelf: what goes to people, and what comes back from them."""
