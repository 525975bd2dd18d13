"""The bands of a 64-bit hash, first bit and width: of six, two hashes within four bits agree in two at least."""

BANDS = ((0, 11), (11, 11), (22, 11), (33, 11), (44, 10), (54, 10))
MOST_RADIUS = len(BANDS) - 2
