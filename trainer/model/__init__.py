"""The model: shapes, weights in and out of folders, rows packed for one forward, and the loss of each target."""
